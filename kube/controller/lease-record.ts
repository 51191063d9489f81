import type { Lease } from '../client/core-resources.ts';
import { toMicroTime } from './timestamps.ts';

/** The spec of a Lease. Its times are for people; no decision compares them. */
export type LeaseRecord = Lease['spec'];

/**
 * Returns whether another candidate may still hold the lease.
 *
 * @param unchangedMs how long the record has not changed, by the local clock; the clocks of others are not trusted
 */
export function isHeldByOther(record: LeaseRecord, identity: string, unchangedMs: number): boolean {
  const { holderIdentity = '', leaseDurationSeconds = 0 } = record;
  if (holderIdentity === '' || holderIdentity === identity) return false;
  return unchangedMs < leaseDurationSeconds * 1000;
}

/** Returns the record with which a candidate acquires or renews the lease. */
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

/** Returns the record with which the holder releases the lease, so no candidate has to wait for its expiry. */
export function released(before: LeaseRecord, date: Date): LeaseRecord {
  return { ...before, holderIdentity: '', leaseDurationSeconds: 1, renewTime: toMicroTime(date) };
}
