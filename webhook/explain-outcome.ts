import type { AllocationOutcome } from '../ledger/allocate.ts';
import type { PlannedNic } from './plan-pod.ts';
import { malformed, taken, unavailable } from './refusals.ts';
import type { Refusal } from './admission-review.ts';

/** What the ledger said, or that it could not be asked. */
export type LedgerAnswer = AllocationOutcome | { readonly outcome: 'ledger_error'; readonly message: string };

/** The refusal for an answer of the ledger that is no address: what is the matter, and what to do about it. */
export function explainOutcome(outcome: LedgerAnswer, nic: PlannedNic | undefined, pool: string): Refusal {
  const requested = nic?.requested ?? 'the address';
  switch (outcome.outcome) {
    case 'allocated':
    case 'replayed':
      throw new Error(`${outcome.outcome} is no refusal`);
    case 'in_use':
      // Not by whom: the asker may not be allowed to see the other's namespace.
      return taken(
        `MAC ${outcome.mac} on ${nic?.nic ?? 'this interface'} is held by another owner.\nLeave "mac" out to get the next free one.`,
      );
    case 'key_conflict':
      return taken(
        `This object holds another address than ${requested} already.\nTry again in two minutes, when that one has been given back.`,
      );
    case 'out_of_range':
      return malformed(
        `MAC ${requested} is not in pool ${pool}.\nAsk for one of that pool, or leave "mac" out to get one.`,
      );
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
      return unavailable(
        `The ledger hands out nothing at the moment (${outcome.why}).\nTry again; it opens by itself when it is sure.`,
      );
    case 'ledger_error':
      return unavailable(`${outcome.message}\nTry again; nothing was handed out that is not given back.`);
    case 'retry':
      return unavailable('The ledger was still searching its pool.\nTry again.');
  }
}

function nextReuse(at: Date | undefined): string {
  return at === undefined ? '' : `; the next is free at ${at.toISOString()}`;
}
