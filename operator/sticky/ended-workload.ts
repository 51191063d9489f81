import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { markUnused } from '../../ledger/sticky/unused.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Identity } from '../controller/identity-key.ts';
import { type Sources, stickyIndex } from '../controller/operator-sources.ts';
import type { WorkloadKind } from '../live/workload.ts';
import { stickyAddressOf } from './claim.ts';
import { markVanished, type VanishedPodDeps } from './vanished-pod.ts';

export type EndedWorkloadDeps = Pick<
  OperatorDeps,
  'ledger' | 'groupedCalls' | 'client' | 'kinds' | 'clusterId' | 'logger'
> &
  VanishedPodDeps &
  Pick<Sources, 'allocations' | 'ended'>;

/**
 * Records the end of an object with sticky addresses. One without a controller may never come back, so its addresses count as unused
 * from now on and not from the next resync: a namespace may have only so many of them. If the address has a mark, this may be the pod
 * that it waits for. If the pod was not seen to end, its address gets one, also if it has that of another node.
 */
export async function recordStickyEnd(identity: Identity, kind: WorkloadKind, deps: EndedWorkloadDeps): Promise<void> {
  const { allocations, groupedCalls } = deps;
  for (const claim of allocations.by('sticky', stickyIndex({ ...identity, kind: kind.resource.kind }))) {
    await recordMark(claim, identity, kind, deps);
    if (claim.spec.stickyFor?.controller !== undefined) continue;
    const address = stickyAddressOf(claim, deps);
    const row = address && (await groupedCalls.findByHolderKey(address.key));
    if (row?.state === 'active') await markIfUnused(row, identity, kind, deps);
  }
}

async function recordMark(
  claim: MacAllocation,
  identity: Identity,
  kind: WorkloadKind,
  deps: EndedWorkloadDeps,
): Promise<void> {
  const node = claim.status?.unreachableConsumer?.node;
  if (node !== undefined) deps.markChanged.fire(node);
  const mayRunOn = deps.ended.mayRunOn(identity.uid);
  if (mayRunOn === undefined || mayRunOn.node === node) return;
  if (!mayRunOn.uses.some((mac) => mac === claim.spec.mac)) return;
  await markVanished(identity, mayRunOn, { kind, claim }, deps);
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
