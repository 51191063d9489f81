import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { describeAddress, isStillUsed, type WorkloadAddress } from '../live/live-address.ts';
import { isOfSameNamespace } from '../live/same-namespace.ts';
import { mirrorStatus } from '../mirror/status.ts';
import { reportConflict, type ReportConflictDeps } from '../observation/report-conflict.ts';
import { stickyClaimOf, stickyForOf } from './claim.ts';
import { ensureStickyClaim, type EnsureStickyDeps } from './ensure.ts';

export type KeepStickyDeps = EnsureStickyDeps &
  ReportConflictDeps &
  Pick<OperatorDeps, 'groupedCalls' | 'now'> &
  Pick<Sources, 'stickyChanged'>;

/**
 * Keeps an address that belongs to the name of an object: 1. its sticky claim is stored with its finalizer; 2. the ledger records
 * that the address is in use. Nothing is written for an object that was made again under its name.
 */
export async function keepSticky(
  address: WorkloadAddress,
  row: AddressRow,
  deps: KeepStickyDeps,
): Promise<'kept' | 'contested'> {
  const { clusterId, stickyChanged } = deps;
  const { workload, kind } = address;
  // An interface that was renamed keeps the address under its first name.
  const nic = row.owner?.nic ?? address.owner.nic;
  const subject = { workload, kind, nic, row, clusterId };
  const isInUse = row.state === 'active' && row.missingSince === undefined;
  if (!isInUse && !(await isStillUsed(address, deps.client))) return 'kept';
  const isShown = stickyClaimOf({ ...address.owner, nic }, deps) !== undefined;
  if (row.state !== 'pending' && !isShown && !(await isOfSameNamespace(address, row, deps))) {
    reportConflict(address, row, deps);
    return 'contested';
  }
  const claim = await ensureStickyClaim(subject, deps);
  if (claim === 'ending') {
    stickyChanged.fire({ namespace: workload.metadata.namespace, name: stickyClaimName(stickyForOf(subject)) });
    return 'kept';
  }
  if (!isInUse) await bindToName(address, nic, row, deps);
  if (claim !== undefined) {
    await writeStatus(macAllocations, claim, mirrorStatus(claim, address, deps), deps.client);
  }
  return 'kept';
}

async function bindToName(
  address: WorkloadAddress,
  nic: string,
  { key, pool }: AddressRow,
  { groupedCalls, logger }: Pick<KeepStickyDeps, 'groupedCalls' | 'logger'>,
): Promise<void> {
  const { mac } = address;
  const { uid: _, ...owner } = { ...address.owner, nic };
  const result = await groupedCalls.bind({ mac, key, boundKey: key, owner });
  if (result.outcome !== 'bound') throw new Error(`${mac} could not be bound to its name: ${result.outcome}`);
  logger.info({ ...describeAddress(address), pool }, 'address bound to its name');
}
