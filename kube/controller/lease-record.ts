import type { Lease } from '../client/core-resources.ts';
import { toMicroTime } from '../time/micro-time.ts';

/** What a Lease says, in the decisions of a candidate. Times of the record are for people; none is compared. */
export type LeaseRecord = Lease['spec'];

/**
 * Whether somebody else may still believe to hold it.
 *
 * @param unchangedMs how long the record has been as it is, by our own clock: the clocks of others are not trusted
 */
export function isHeldByOther(record: LeaseRecord, identity: string, unchangedMs: number): boolean {
  const { holderIdentity = '', leaseDurationSeconds = 0 } = record;
  if (holderIdentity === '' || holderIdentity === identity) return false;
  return unchangedMs < leaseDurationSeconds * 1000;
}

/** The record with which a candidate takes a lease, or its holder renews it. */
export function heldBy(
  identity: string,
  before: LeaseRecord | undefined,
  leaseDurationMs: number,
  date: Date,
): LeaseRecord {
  const now = toMicroTime(date);
  const renewal = before?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
    acquireTime: renewal ? (before.acquireTime ?? now) : now,
    renewTime: now,
    leaseTransitions: (before?.leaseTransitions ?? 0) + (before === undefined || renewal ? 0 : 1),
  };
}

/** The record with which the holder gives it back: nobody holds it, and nobody has to wait. */
export function released(before: LeaseRecord, date: Date): LeaseRecord {
  return { ...before, holderIdentity: '', leaseDurationSeconds: 1, renewTime: toMicroTime(date) };
}
