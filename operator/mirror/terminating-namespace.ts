import { namespaces } from '../../kube/client/core-resources.ts';
import type { ObjectMeta } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

/** Returns whether the namespace is being deleted, by an uncached read: it accepts no new objects, and waits for the old ones. */
export async function isNamespaceTerminating(name: string, { client }: Pick<OperatorDeps, 'client'>): Promise<boolean> {
  const namespace = await getOrUndefined(namespaces, { name }, client);
  return namespace?.metadata.deletionTimestamp !== undefined;
}

/** How long an unavailable ledger delays the deletion of a namespace. */
const LEDGER_PATIENCE_MS = 60_000;

/**
 * Returns whether a MacAllocation that is being deleted may go although the ledger is away: after a minute, where the deletion of its
 * namespace waits for it.
 */
export async function mayGoWithoutLedger(
  { namespace = '', deletionTimestamp }: Pick<ObjectMeta, 'namespace' | 'deletionTimestamp'>,
  deps: Pick<OperatorDeps, 'client' | 'now'>,
): Promise<boolean> {
  const waitedMs = deps.now().getTime() - Date.parse(deletionTimestamp ?? '');
  return !(waitedMs < LEDGER_PATIENCE_MS) && (await isNamespaceTerminating(namespace, deps));
}
