import type { KubeClient } from './client.ts';
import { isAlreadyExists, isConflict } from './errors.ts';
import type { KubeObject, ObjectKey } from './objects.ts';
import type { Resource } from './resource.ts';

/** A Secret or a ConfigMap. */
interface DataObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>> | undefined;
}

/**
 * Replaces the data of the object that was read, or creates it if there was none. Returns the stored object, or `undefined` if
 * another process has written since the read: the resourceVersion decides.
 */
export async function writeData<T extends DataObject>(
  resource: Resource<T>,
  { key, before, data }: { readonly key: ObjectKey; readonly before: T | undefined; readonly data: DataObject['data'] },
  client: Pick<KubeClient, 'create' | 'update'>,
): Promise<T | undefined> {
  try {
    return before === undefined
      ? await client.create(resource, { metadata: { ...key }, data })
      : await client.update(resource, { ...before, data });
  } catch (error) {
    if (isConflict(error) || isAlreadyExists(error)) return undefined;
    throw error;
  }
}
