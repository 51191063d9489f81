import type { ReconcileResult } from '../../kube/controller/controller.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { BackoffOptions } from '../../time/backoff.ts';
import { reportedNic, type ReportedNicDeps } from '../allocation/reported-nic.ts';
import { takeClaim, type TakeClaimDeps } from '../claim/take-claim.ts';
import { liveAddresses, type WorkloadAddress } from '../live/live-address.ts';
import type { Workload, WorkloadKind } from '../live/workload.ts';
import { type ContestedDeps, isContested } from '../observation/is-contested.ts';
import { observeOutside, type ObserveOutsideDeps } from '../observation/observe-outside.ts';
import { reportConflict, type ReportConflictDeps } from '../observation/report-conflict.ts';
import { keepSticky, type KeepStickyDeps } from '../sticky/keep.ts';
import { readoptOfWorkload, type ReadoptOfWorkloadDeps } from '../sticky/readopt-of-workload.ts';
import { type BindDeps, mirrorAndBind } from './bind.ts';
import { type EndUnearnedDeps, endUnearnedMirror } from './end-unearned-mirror.ts';
import { type ForeignAddress, grantOrObserve, type GrantOrObserveDeps } from './grant-or-observe.ts';
import { inherit, type InheritDeps } from './inherit.ts';
import { receiveAddress, type ReceiveAddressDeps } from './receive-address.ts';
import { recordOffer, type RecordOfferDeps } from './record-offer.ts';
import { findRelation, type RelationDeps } from './relation.ts';
import { reportNotApplied } from './report-not-applied.ts';

export type WorkloadDeps = TakeClaimDeps &
  BindDeps &
  RelationDeps &
  InheritDeps &
  RecordOfferDeps &
  ReceiveAddressDeps &
  EndUnearnedDeps &
  KeepStickyDeps &
  ReadoptOfWorkloadDeps &
  ReportConflictDeps &
  ContestedDeps &
  ReportedNicDeps &
  ObserveOutsideDeps &
  GrantOrObserveDeps;

/** Delays between the checks of an address that another owner holds. Its release may be in progress, or weeks away. */
const CONFLICT: BackoffOptions = { baseMs: 15_000, maxMs: 300_000 };

/** How soon an address is looked at again that a webhook may have answered with. The webhook reports that within seconds. */
const LATER_MS = 3_000;

/**
 * Reconciles a live object: the ledger and the mirrors follow the addresses that it uses. Writes mirrors, binds addresses,
 * takes claims for their consumers, and observes addresses that were never given to the object, of other prefixes too.
 *
 * For each address: 1. the mirror is stored with its finalizer; 2. the ledger binds the address to the object's uid. After a
 * crash behind 1, the next reconcile binds, or the mirror releases whatever the address became.
 */
export async function reconcileWorkload(
  workload: Workload,
  kind: WorkloadKind,
  deps: WorkloadDeps,
): Promise<ReconcileResult> {
  const { scope } = deps;
  const all = liveAddresses(workload, kind, deps).map((live) => ({ ...live, workload, kind }));
  const foreign: ForeignAddress[] = [];
  let contested = false;
  let later = false;
  for (const live of all.filter(({ mac }) => scope.isOurs(mac))) {
    const reported = reportedNic({ ...live.owner, mac: live.mac }, deps);
    const address = { ...live, reported };
    const row = await deps.groupedCalls.findByMac(address.mac);
    const result = await reconcileAddress(address, row, deps);
    if (result === 'kept') reportNotApplied(address, deps);
    contested ||= result === 'contested';
    later ||= result === 'later';
    if (result === 'kept' || result === 'later') continue;
    foreign.push({ address, row, isHeld: result !== 'ungranted' });
  }
  await observeOutside(
    all.filter((live) => !scope.isOurs(live.mac) && scope.includes(live)),
    deps,
  );
  if (foreign.length > 0) contested = (await grantOrObserve(foreign, deps)) === 'contested' || contested;
  if (later) return { requeueAfterMs: LATER_MS };
  return contested ? { poll: CONFLICT } : undefined;
}

/**
 * Returns `ungranted`, `set-aside` or `contested` for an address that the object uses and does not own, and `later` if that is
 * not known yet.
 */
async function reconcileAddress(
  address: WorkloadAddress,
  row: AddressRow | undefined,
  deps: WorkloadDeps,
): Promise<'kept' | 'later' | 'ungranted' | 'set-aside' | 'contested'> {
  const relation = await findRelation(address, row, deps);
  if (relation === 'ungranted') return (await readoptOfWorkload(address, deps)) ? 'later' : relation;
  // Every other relation is one to a row.
  if (row === undefined) return 'kept';
  if (typeof relation === 'object') {
    await mirrorAndBind(address, { ...row, stockedFor: relation.requester }, deps);
    return 'kept';
  }
  switch (relation) {
    case 'own':
    case 'pending':
      await mirrorAndBind(address, row, deps);
      await recordOffer(address, row, deps);
      return 'kept';
    case 'renamed':
      // It stays bound to its first interface, because the uid identifies the owner.
      if (row.owner !== undefined) await mirrorAndBind(onInterface(address, row.owner.nic), row, deps);
      await recordOffer(address, row, deps);
      return 'kept';
    case 'sticky':
      return await keepSticky(address, row, deps);
    case 'later':
    case 'set-aside':
      return relation;
    case 'inherited':
      return await inherit(address, row, deps);
    case 'offered':
      return await receiveAddress(address, row, deps);
    case 'claimed':
      return await takeClaim(address, row, deps);
    case 'owned-by-parent':
      return 'kept';
    case 'conflict':
      await endUnearnedMirror(address, row, deps);
      if (await isContested(address, row, deps)) reportConflict(address, row, deps);
      return 'contested';
  }
}

function onInterface(address: WorkloadAddress, nic: string): WorkloadAddress {
  return { ...address, owner: { ...address.owner, nic } };
}
