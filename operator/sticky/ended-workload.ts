import { CONSUMER_UNREACHABLE } from '../../api/mac-allocation.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { clearUnreachable } from '../../ledger/sticky/unreachable.ts';
import { markUnused } from '../../ledger/sticky/unused.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Identity } from '../controller/identity-key.ts';
import { type Sources, stickyIndex } from '../controller/operator-sources.ts';
import type { WorkloadKind } from '../live/workload.ts';
import { stickyAddressOf } from './claim.ts';
import { notifyClaims } from './notify-claims.ts';

export type EndedWorkloadDeps = Pick<
  OperatorDeps,
  'ledger' | 'groupedCalls' | 'client' | 'kinds' | 'clusterId' | 'actor' | 'logger'
> &
  Pick<Sources, 'allocations' | 'ended' | 'stickyChanged'>;

/**
 * Records the end of an object with sticky addresses. One without a controller may never come back, so its addresses count as unused
 * from now on and not from the next resync: a namespace may have only so many of them. A pod that was seen to end on a node that does
 * not respond does not run there any more. One that ended elsewhere, or never had a node, says nothing about it.
 */
export async function recordStickyEnd(identity: Identity, kind: WorkloadKind, deps: EndedWorkloadDeps): Promise<void> {
  const { allocations, ended, groupedCalls } = deps;
  const endedOn = ended.endedOn(identity.uid);
  for (const claim of allocations.by('sticky', stickyIndex({ ...identity, kind: kind.resource.kind }))) {
    const isBare = claim.spec.stickyFor?.controller === undefined;
    const mayBeMarked = endedOn !== undefined && isMarked(claim);
    const address = isBare || mayBeMarked ? stickyAddressOf(claim, deps) : undefined;
    const row = address && (await groupedCalls.findByHolderKey(address.key));
    if (row?.state !== 'active') continue;
    if (endedOn !== undefined && endedOn === row.unreachableNode) await endMark(row, endedOn, deps);
    if (isBare) await markIfUnused(row, identity, kind, deps);
  }
}

async function endMark(row: AddressRow, node: string, deps: EndedWorkloadDeps): Promise<void> {
  const { ledger, clusterId, actor } = deps;
  const reason = 'its pod was seen to end';
  await clearUnreachable(ledger, { clusterId, node }, { items: [row], actor, reason });
  notifyClaims([row], deps);
}

async function markIfUnused(
  row: AddressRow,
  { namespace, name }: Identity,
  kind: WorkloadKind,
  { ledger, client, logger }: EndedWorkloadDeps,
): Promise<void> {
  if (row.missingSince !== undefined) return;
  const next = await getOrUndefined(kind.resource, { namespace, name }, client);
  if (await kind.stillUses({ namespace, name, uid: next?.metadata.uid ?? '', mac: row.mac }, client)) return;
  await markUnused(ledger, [row]);
  logger.debug({ namespace, name, mac: row.mac }, 'sticky address is not used any more');
}

function isMarked({ status }: MacAllocation): boolean {
  return findCondition(status?.conditions ?? [], CONSUMER_UNREACHABLE)?.status === 'True';
}
