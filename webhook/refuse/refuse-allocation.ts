import type { AllocationOutcome } from '../../ledger/address/allocate.ts';
import type { TakeOutcome } from '../../ledger/address/consumer.ts';
import type { LedgerError } from '../../ledger/errors.ts';
import type { Refusal } from '../server/admission-review.ts';
import type { PlannedNic } from '../plan/plan.ts';
import { forbidden, malformed, taken, unavailable } from './refusal.ts';

/** What the ledger said, or that it could not be asked. */
export type LedgerResult = AllocationOutcome | { readonly outcome: 'ledger_error'; readonly error: LedgerError };

/** All answers that are no address. */
export type RefusedResult = Exclude<LedgerResult, HeldResult>;

/** `replayed`: the same question was answered before. */
export type HeldResult = Extract<AllocationOutcome, { readonly outcome: 'allocated' | 'replayed' }>;

/** What the explanation needs beside the answer. */
export interface RefusalContext {
  readonly nic: PlannedNic;
  readonly namespace: string;
  readonly pool: string;
  /** Who holds the address, where the asker may know. */
  readonly holder?: string | undefined;
  /** The pool in which an address lies that is not in `pool`. */
  readonly otherPool?: string | undefined;
}

/** The refusal for an answer of the ledger that is no address: what is the matter, and what to do about it. */
export function explainOutcome(outcome: RefusedResult, context: RefusalContext): Refusal {
  const { nic, pool } = context;
  const requested = nic.requested ?? 'the address';
  switch (outcome.outcome) {
    case 'in_use':
      return inUse(outcome, context);
    case 'key_conflict':
      return taken(
        `This object holds another address than ${requested} already.\nTry again in two minutes, when that one has been given back.`,
      );
    case 'out_of_range':
      return outOfRange(requested, context);
    case 'exhausted':
      return unavailable(
        `Pool ${pool} has no free address${nextReuse(outcome.nextReuseAt)}.\nRelease addresses, or let the pool grow.`,
      );
    case 'pool_not_found':
      return unavailable(
        `Pool ${pool} is not in the ledger.\nCreate the MacPool, or ask the platform team which pool to use.`,
      );
    case 'pool_paused':
      return unavailable(
        `Pool ${pool} is paused and hands out nothing.\nAsk the platform team, then create the object again.`,
      );
    case 'not_adopted':
      return unavailable(
        'This cluster may not allocate yet: its operator has not recorded the addresses already in use.\nTry again when the operator runs.',
      );
    case 'pending_cap':
      return unavailable(
        'This namespace has too many addresses handed out to objects that were never stored.\nTry again in two minutes.',
      );
    case 'not_open':
      return closed(outcome.why);
    case 'ledger_error':
      // A value that the ledger will never take: to try again, as a 503 says, would not help.
      return outcome.error.code === 'BAD_REQUEST' ? malformed(outcome.error.message) : ledgerFailed(outcome.error);
    case 'retry':
      return unavailable('The ledger was still searching its pool.\nTry again.');
  }
}

/** The refusal for a claim that could not be taken. */
export function claimTaken(outcome: Exclude<TakeOutcome, { readonly outcome: 'taken' }>, claim: string): Refusal {
  switch (outcome.outcome) {
    case 'in_use':
      return taken(`The address of ${claim} is in use by another object.\nTry again when that one is gone.`);
    case 'unknown':
      return unavailable(`The address of ${claim} is no longer held in the ledger.\nTry again when it is ready.`);
    case 'not_open':
      return closed(outcome.why);
    case 'invalid':
      return malformed(`The address of ${claim} cannot be given to this object: ${outcome.why}.\nCorrect the object.`);
  }
}

/** What the ledger says of itself names hosts and settings: the author of a pod can do nothing with them. */
export function ledgerFailed(error: LedgerError): Refusal {
  const message = `The ledger did not answer (${error.code}), so this object got no address.`;
  const next = 'Try again; if it stays, tell the platform team: the log of the webhook has the cause.';
  return { ...unavailable(`${message}\n${next}`), cause: error };
}

function inUse(
  { mac, holder: { state, until } }: Extract<RefusedResult, { readonly outcome: 'in_use' }>,
  { nic, holder }: RefusalContext,
): Refusal {
  const who = holder === undefined ? '' : ` (${holder})`;
  if (state === 'released' && until !== undefined) {
    return taken(
      `MAC ${mac} on ${nic.nic} was given back by its last owner${who} and is free for others at ${until.toISOString()}.\nTry again then, or leave it out to get the next free one.`,
    );
  }
  return taken(`MAC ${mac} on ${nic.nic} is held by another owner${who}.\nLeave it out to get the next free one.`);
}

function outOfRange(requested: string, { nic, namespace, pool, otherPool }: RefusalContext): Refusal {
  if (otherPool !== undefined) {
    return forbidden(
      `MAC ${requested} on ${nic.nic} is not in pool ${pool} but in ${otherPool}, which namespace ${namespace} does not use.\nAsk for one of pool ${pool}, or use a claim.`,
    );
  }
  return malformed(
    `MAC ${requested} on ${nic.nic} is not in pool ${pool}, nor in any other.\nAsk for one of that pool, or leave it out to get one.`,
  );
}

function closed(why: string): Refusal {
  return unavailable(
    `The ledger hands out nothing at the moment (${why}).\nTry again; it opens by itself when it is sure.`,
  );
}

function nextReuse(at: Date | undefined): string {
  return at === undefined ? '' : `; the next is free at ${at.toISOString()}`;
}
