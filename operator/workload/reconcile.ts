import type { Result } from '../../kube/controller/controller.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { takeClaim, type TakeClaimDeps } from '../claim/take-claim.ts';
import { adoptAddress } from './adopt.ts';
import { mirrorAndBind, type BindDeps } from './bind.ts';
import { classify } from './classify.ts';
import { reportConflict, type ReportConflictDeps } from './report-conflict.ts';
import { liveAddresses, type WorkloadAddress } from './live-address.ts';
import type { Workload, WorkloadKind } from './workload.ts';

export type WorkloadDeps = TakeClaimDeps & BindDeps & ReportConflictDeps;

/** How soon an address that another owner holds is checked again. Its release may be in progress. */
const CONFLICT_RETRY_MS = 15_000;

/**
 * Reconciles a live object: the ledger and the mirrors follow the addresses that it uses. Writes mirrors, binds addresses,
 * and takes claims for their consumers.
 *
 * For each address: 1. the mirror is stored with its finalizer; 2. the ledger binds the address to the object's uid; 3. the
 * mirror's status is written. After a crash behind 1, the mirror releases whatever the address became. After a crash
 * behind 2, the next reconcile finds the address bound.
 */
export async function reconcileWorkload(workload: Workload, kind: WorkloadKind, deps: WorkloadDeps): Promise<Result> {
  let contested = false;
  for (const address of liveAddresses(workload, kind, deps)) {
    contested = (await reconcileAddress({ ...address, workload, kind }, deps)) === 'contested' || contested;
  }
  return contested ? { requeueAfterMs: CONFLICT_RETRY_MS } : undefined;
}

async function reconcileAddress(address: WorkloadAddress, deps: WorkloadDeps): Promise<'kept' | 'contested'> {
  const row = await findByMac(deps.ledger, address.mac);
  switch (classify(address, row)) {
    case 'own':
    case 'pending':
      if (row !== undefined) await mirrorAndBind(address, row, deps);
      return 'kept';
    case 'renamed':
      // It stays bound to its first interface, because the uid identifies the owner.
      if (row?.owner !== undefined) await mirrorAndBind(onInterface(address, row.owner.nic), row, deps);
      return 'kept';
    case 'free':
      return await adoptAddress(address, deps);
    case 'claimed':
      return row === undefined ? 'kept' : await takeClaim(address, row, deps);
    case 'owned-by-parent':
      return 'kept';
    case 'conflict':
      if (row !== undefined) reportConflict(address, row, deps);
      return 'contested';
  }
}

function onInterface(address: WorkloadAddress, nic: string): WorkloadAddress {
  return { ...address, owner: { ...address.owner, nic } };
}
