import { z } from 'zod';
import type { LedgerState } from './state.ts';

/** More recoveries than will ever happen. A damaged head must not push the epoch to the end of the number range. */
const MAX_EPOCH = 1_000_000_000;

/**
 * The position of a ledger, stored where no failover and no restore of its database can change it. Write it as JSON
 * after every read of a ledger that is not behind, several times a minute. Addresses handed out after the last write
 * cannot be missed by it.
 */
export const ledgerHeadSchema = z.object({
  ledgerId: z.guid(),
  epoch: z.int().min(1).max(MAX_EPOCH),
  /** The id of the last audit row. */
  auditHead: z.int().min(0),
});

export type LedgerHead = z.infer<typeof ledgerHeadSchema>;

/** Returns the head to store for a ledger state. */
export function ledgerHeadOf({ ledgerId, epoch, auditHead }: LedgerState): LedgerHead {
  return { ledgerId, epoch, auditHead };
}

/** The ledger is behind a stored head: acknowledged allocations are lost, whatever the database reports. */
interface Loss {
  /** More may be lost than a recovery covers. Only an admin can let the ledger open. */
  readonly needsApproval: boolean;
}

/** Returns what the ledger must have lost, or `undefined` if it is not behind the head. */
export function lossOf(state: LedgerState, head: LedgerHead): Loss | undefined {
  if (head.ledgerId !== state.ledgerId) return undefined; // another ledger: the head says nothing about it
  if (state.closed?.why === 'read_only') return undefined; // a standby may be behind, and hands out nothing
  if (head.epoch > state.epoch) return { needsApproval: true }; // it is older than a whole recovery
  return head.epoch === state.epoch ? lossInEpoch(state, head) : lossBeforeEpoch(state, head);
}

/**
 * Compares within one epoch. A failover explains a missing tail. A database without a failover is an old copy of any
 * age.
 */
function lossInEpoch(state: LedgerState, head: LedgerHead): Loss | undefined {
  const lost = head.auditHead - state.auditHead;
  if (lost <= 0) return undefined;
  return { needsApproval: lost > state.replicationGap || state.closed?.why !== 'timeline_changed' };
}

/** Compares after a recovery. Another process may have started it without knowing how much was lost. */
function lossBeforeEpoch({ began }: LedgerState, head: LedgerHead): Loss | undefined {
  if (began.coveredLosses === undefined) return undefined; // an admin decides, or has decided
  return head.auditHead - began.auditHead > began.coveredLosses ? { needsApproval: true } : undefined;
}
