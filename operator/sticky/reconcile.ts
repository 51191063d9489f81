import { ANNOTATIONS, RELEASE_FINALIZER } from '../../api/names.ts';
import { addFinalizer, setAnnotations } from '../../kube/client/json-patch.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { clearUnreachable } from '../../ledger/sticky/unreachable.ts';
import { deleteAllocation } from '../allocation/delete-allocation.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { type StickyAddress, stickyAddressOf } from './claim.ts';
import { endSticky, type EndStickyDeps } from './end.ts';
import { readoptSticky } from './lost.ts';
import { stickyStatus } from './status.ts';

export type StickyDeps = EndStickyDeps & Pick<OperatorDeps, 'kinds' | 'now'>;

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
  return await publishMark(claim, address, row, deps);
}

/** Somebody may have removed the finalizer. Without it a deletion would leave the address in the ledger. */
async function restoreFinalizer(claim: MacAllocation, client: OperatorDeps['client']): Promise<void> {
  const { namespace, name, finalizers } = claim.metadata;
  if (finalizers?.includes(RELEASE_FINALIZER) === true) return;
  const body = addFinalizer(claim, RELEASE_FINALIZER);
  await client.patch(macAllocations, { namespace, name }, { type: 'json', body });
}

/** Ends the mark of a node if a person says that the pod there has ended, and shows the mark in the status. */
async function publishMark(
  claim: MacAllocation,
  { owner }: StickyAddress,
  row: AddressRow,
  deps: StickyDeps,
): Promise<ReconcileResult> {
  const { ledger, client, clusterId, actor, logger } = deps;
  const { namespace, name, annotations } = claim.metadata;
  const ended = annotations?.[ANNOTATIONS.consumerEnded];
  if (ended !== undefined) {
    if (row.unreachableNode === ended) {
      const reason = 'a person says that its pod has ended';
      await clearUnreachable(ledger, { clusterId, node: ended }, { items: [row], actor, reason });
      logger.info({ claim: keyOf(claim), mac: row.mac, node: ended }, reason);
    }
    // It says something about one pod, so it must not end the next mark.
    const body = setAnnotations({ [ANNOTATIONS.consumerEnded]: ended }, { [ANNOTATIONS.consumerEnded]: undefined });
    await client.patch(macAllocations, { namespace, name }, { type: 'json', body });
    return undefined;
  }
  await writeStatus(macAllocations, claim, stickyStatus(claim, owner.name, row.unreachableNode, deps.now()), client);
  return undefined;
}
