import { ANNOTATIONS, RELEASE_FINALIZER } from '../../api/names.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { addFinalizer, setAnnotations } from '../../kube/client/json-patch.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { deleteAllocation } from '../allocation/delete-allocation.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { stickyAddressOf } from './claim.ts';
import { endSticky, type EndStickyDeps } from './end.ts';
import { readoptSticky } from './lost.ts';

export type StickyDeps = EndStickyDeps & Pick<OperatorDeps, 'kinds'> & Pick<Sources, 'markChanged'>;

/**
 * Reconciles one sticky claim, which shows what the ledger holds for a name. It never allocates. If the ledger holds another address
 * for the name, or none any more, the claim goes, and the reconcile of an object of this name creates the right one.
 */
export async function reconcileStickyClaim(claim: MacAllocation, deps: StickyDeps): Promise<ReconcileResult> {
  const { client, groupedCalls } = deps;
  const address = stickyAddressOf(claim, deps);
  if (address === undefined) return undefined;
  if (claim.metadata.deletionTimestamp !== undefined) return await endSticky(claim, address, deps);
  const row = await groupedCalls.findByHolderKey(address.key);
  if (row?.mac !== address.mac) {
    if (row === undefined && (await readoptSticky(claim, deps))) return { requeueAfterMs: 0 };
    await deleteAllocation(claim.metadata, client);
    deps.logger.info(
      { claim: keyOf(claim), mac: address.mac, held: row?.mac },
      'sticky claim deleted: it is not in the ledger',
    );
    return undefined;
  }
  await restoreFinalizer(claim, client);
  await compareMark(claim, row, deps);
  return undefined;
}

/**
 * Somebody may have removed the finalizer. Without it a deletion would leave the address in the ledger. An auto-release removes it and
 * then the claim, which may be gone by now.
 */
async function restoreFinalizer(claim: MacAllocation, client: OperatorDeps['client']): Promise<void> {
  const { namespace, name, finalizers } = claim.metadata;
  if (finalizers?.includes(RELEASE_FINALIZER) === true) return;
  const body = addFinalizer(claim, RELEASE_FINALIZER);
  try {
    await client.patch(macAllocations, { namespace, name }, { type: 'json', body });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/**
 * Has the marks of the nodes reconciled that the ledger or the claim names, if they differ or if a person says that the pod there has
 * ended. Such a word about another pod is removed, because it must not end the next mark.
 */
async function compareMark(claim: MacAllocation, row: AddressRow, deps: StickyDeps): Promise<void> {
  const { client, markChanged } = deps;
  const { metadata, status } = claim;
  const ended = metadata.annotations?.[ANNOTATIONS.consumerEnded];
  const marks = new Set([row.unreachableNode, status?.unreachableConsumer?.node]);
  if (marks.size > 1 || (ended !== undefined && marks.has(ended))) {
    for (const node of marks) if (node !== undefined) markChanged.fire(node);
  } else if (ended !== undefined) {
    const body = setAnnotations({ [ANNOTATIONS.consumerEnded]: ended }, { [ANNOTATIONS.consumerEnded]: undefined });
    const { namespace, name } = metadata;
    await client.patch(macAllocations, { namespace, name }, { type: 'json', body });
  }
}
