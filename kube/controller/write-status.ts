import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '../client/client.ts';
import type { KubeObject } from '../client/objects.ts';
import type { Resource } from '../client/resource.ts';
import { mergePatch } from './merge-patch.ts';

/**
 * Writes a status if it differs from the current one, and returns the object as stored. The write is bound to the version
 * that was evaluated. A conflict means that the object changed and must be reconciled again.
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
  return await client.patch(
    resource,
    { namespace, name },
    { type: 'merge', body: { metadata: { uid, resourceVersion }, status: mergePatch(before, status) } },
    { subresource: 'status' },
  );
}
