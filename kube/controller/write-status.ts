import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '../client/client.ts';
import type { KubeObject } from '../client/objects.ts';
import type { Resource } from '../client/resource.ts';

/**
 * Writes a status where it differs from the one that the object has, onto exactly the object that was judged: a conflict
 * means that it changed, and is judged again. Answers the object as it is then.
 */
export async function writeStatus<T extends KubeObject & { readonly status?: object | undefined }>(
  resource: Resource<T>,
  object: T,
  status: NonNullable<T['status']>,
  client: Pick<KubeClient, 'patch'>,
): Promise<T> {
  const before = object.status ?? {};
  if (isDeepStrictEqual(status, before)) return object;
  const { namespace, name, uid, resourceVersion } = object.metadata;
  // In a merge patch a field goes by null; one that is left out stays.
  const gone = Object.keys(before).filter((field) => !Object.hasOwn(status, field));
  const body = { ...status, ...Object.fromEntries(gone.map((field) => [field, null])) };
  return await client.patch(
    resource,
    { namespace, name },
    { type: 'merge', body: { metadata: { uid, resourceVersion }, status: body } },
    { subresource: 'status' },
  );
}
