import type { KubeClient, ListOptions } from './client.ts';
import { customResourceDefinitions } from './core-resources.ts';
import { isNotFound } from './errors.ts';
import type { KubeObject, ObjectKey } from './objects.ts';
import type { Resource } from './resource.ts';

/*
 * Reads that tell "it is not there" from "nobody knows". A 404 alone does not: a server that has just started answers it
 * for every kind whose CRD it has not read yet.
 */

/** The object; `undefined` only where the API server says that this very object, or its whole kind, does not exist. */
export async function getOrUndefined<T extends KubeObject>(
  resource: Resource<T>,
  key: ObjectKey,
  client: KubeClient,
): Promise<T | undefined> {
  try {
    return await client.get(resource, key);
  } catch (error) {
    if (namesObject(error, key.name) || (isNotFound(error) && (await isKindAbsent(resource, client)))) return undefined;
    throw error;
  }
}

/** All objects of a kind by a quorum read; none only where the server says that the kind does not exist. */
export async function listOrEmpty<T extends KubeObject>(
  resource: Resource<T>,
  client: KubeClient,
  options: ListOptions<T> = {},
): Promise<T[]> {
  try {
    return (await client.list(resource, options)).items;
  } catch (error) {
    if (isNotFound(error) && (await isKindAbsent(resource, client))) return [];
    throw error;
  }
}

/** Whether its CustomResourceDefinition does not exist. When one is deleted, its objects are deleted before it. */
async function isKindAbsent({ group, plural }: Resource<KubeObject>, client: KubeClient): Promise<boolean> {
  if (!group.includes('.')) return false;
  const name = `${plural}.${group}`;
  try {
    await client.get(customResourceDefinitions, { name });
    return false;
  } catch (error) {
    if (namesObject(error, name)) return true;
    throw error;
  }
}

/** A 404 about an object names it; one about a path or an unknown kind names none. */
function namesObject(error: unknown, name: string): boolean {
  return isNotFound(error) && error.details?.name === name;
}
