import { z } from 'zod';
import type { LedgerState } from './state.ts';

/** More recoveries than there will ever be. A memory that was damaged must not push the ledger to the end of the numbers. */
const MAX_EPOCH = 1_000_000_000;

/**
 * What somebody remembers of a ledger in a place that no failover and no restore of its database can touch. To be written
 * down (as JSON) after every look at a ledger that is not behind, some times a minute: what was handed out after the last
 * look cannot be missed by it.
 */
export const ledgerHeadSchema = z.object({
  ledgerId: z.guid(),
  epoch: z.int().min(1).max(MAX_EPOCH),
  /** The number of the last audit row. */
  auditHead: z.int().min(0),
});

export type LedgerHead = z.infer<typeof ledgerHeadSchema>;

/** What to remember of a ledger that was just looked at. */
export function ledgerHeadOf({ ledgerId, epoch, auditHead }: LedgerState): LedgerHead {
  return { ledgerId, epoch, auditHead };
}

/** The ledger knows less than is remembered: acknowledged answers are gone, whatever the database says of itself. */
interface Loss {
  /** More may be gone than a recovery makes up for: only an admin can say that it may go on. */
  readonly needsApproval: boolean;
}

/** What a ledger must have lost, or `undefined` where it knows all that is remembered. */
export function lossOf(state: LedgerState, head: LedgerHead): Loss | undefined {
  if (head.ledgerId !== state.ledgerId) return undefined; // another ledger: what is remembered says nothing about it
  if (state.closed?.why === 'read_only') return undefined; // a standby may be behind, and hands out nothing
  if (head.epoch > state.epoch) return { needsApproval: true }; // older than a whole recovery
  return head.epoch === state.epoch ? goneNow(state, head) : goneBefore(state, head);
}

/** A failover explains that a tail is missing. A database that takes itself for what it was is an old copy, of any age. */
function goneNow(state: LedgerState, head: LedgerHead): Loss | undefined {
  const lost = head.auditHead - state.auditHead;
  if (lost <= 0) return undefined;
  return { needsApproval: lost > state.replicationGap || state.closed?.why !== 'timeline_changed' };
}

/** A recovery began since. Somebody else may have started it, who did not know how much was gone. */
function goneBefore({ began }: LedgerState, head: LedgerHead): Loss | undefined {
  if (began.madeUpFor === undefined) return undefined; // an admin judges, or has judged
  return head.auditHead - began.auditHead > began.madeUpFor ? { needsApproval: true } : undefined;
}
