import { namespaces } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

/** Returns whether the namespace is being deleted, by an uncached read: it accepts no new objects, and waits for the old ones. */
export async function isNamespaceTerminating(name: string, { client }: Pick<OperatorDeps, 'client'>): Promise<boolean> {
  const namespace = await getOrUndefined(namespaces, { name }, client);
  return namespace?.metadata.deletionTimestamp !== undefined;
}
