import type { KubeClient } from './client.ts';
import { customResourceDefinitions } from './core-resources.ts';
import { isNotFound } from './errors.ts';
import type { ListOptions } from './list.ts';
import type { KubeObject, ObjectKey } from './objects.ts';
import type { Resource } from './resource.ts';

/*
 * Reads that distinguish "does not exist" from "unknown". A 404 alone is not enough: a starting server sends it for every
 * kind whose CRD it has not read yet.
 */

/** Returns the object, or undefined only if the server confirms that this object or its whole kind does not exist. */
export async function getOrUndefined<T extends KubeObject>(
  resource: Resource<T>,
  key: ObjectKey,
  client: Pick<KubeClient, 'find'>,
): Promise<T | undefined> {
  try {
    return await client.find(resource, key);
  } catch (error) {
    if (isNotFound(error) && (await isKindAbsent(resource, client))) return undefined;
    throw error;
  }
}

/** Lists a kind by a quorum read. Returns an empty list only if the server confirms that the kind does not exist. */
export async function listOrEmpty<T extends KubeObject>(
  resource: Resource<T>,
  client: Pick<KubeClient, 'find' | 'list'>,
  options: ListOptions<T> = {},
): Promise<T[]> {
  try {
    return (await client.list(resource, options)).items;
  } catch (error) {
    if (isNotFound(error) && (await isKindAbsent(resource, client))) return [];
    throw error;
  }
}

/** Returns whether the CustomResourceDefinition does not exist. The server deletes the objects before their CRD. */
async function isKindAbsent(
  { group, plural }: Resource<KubeObject>,
  client: Pick<KubeClient, 'find'>,
): Promise<boolean> {
  if (!group.includes('.')) return false;
  return (await client.find(customResourceDefinitions, { name: `${plural}.${group}` })) === undefined;
}
