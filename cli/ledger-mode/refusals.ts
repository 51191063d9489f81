import type { AllocationOutcome } from '../../ledger/address/allocate.ts';
import type { Holder } from '../../ledger/address/owner.ts';
import type { LedgerState } from '../../ledger/state/state.ts';
import { UserError } from '../errors.ts';
import { noSuchPool } from '../no-such-pool.ts';
import { holderName } from '../output/addresses.ts';
import { formatMinutes } from '../output/time.ts';

type Answered = Extract<AllocationOutcome, { readonly outcome: 'allocated' | 'replayed' }>;
type Refusal = Exclude<AllocationOutcome, Answered>;

export function isAnswered(outcome: AllocationOutcome): outcome is Answered {
  return outcome.outcome === 'allocated' || outcome.outcome === 'replayed';
}

/** What is known where the ledger refused an address. */
export interface RefusalContext {
  readonly pool: string;
  readonly poolNames: readonly string[];
  /** Asked for only where the ledger is not open. */
  readonly closed?: LedgerState['closed'];
}

/** The words for a refusal: cause and next step. */
export function refusalError(refusal: Refusal, context: RefusalContext): UserError {
  const { pool } = context;
  switch (refusal.outcome) {
    case 'pool_not_found':
      return noSuchPool(pool, context.poolNames);
    case 'pool_paused':
      return new UserError(
        `Pool ${pool} is paused, so it hands out nothing.`,
        'Take another pool, or ask whoever runs the ledger to resume it.',
        'unavailable',
      );
    case 'exhausted':
      return new UserError(
        `Pool ${pool} has no address left${again(refusal.nextReuseAt)}.`,
        'Release what is not needed (`rock-mac list`), or take another pool (`rock-mac stats`).',
        'exhausted',
      );
    case 'in_use':
      return new UserError(
        `${refusal.mac} is ${heldBy(refusal.holder)}.`,
        'Choose another address, or look with `rock-mac show`.',
        'conflict',
      );
    case 'key_conflict':
      return new UserError(
        'This request key holds another address already, perhaps of another pool.',
        'Use a key of its own for each question.',
        'conflict',
      );
    case 'out_of_range':
      return new UserError(`The address is not in pool ${pool}.`, 'Leave --pool out: the address names its pool.');
    case 'not_open':
      return new UserError(
        'The ledger hands out nothing now.',
        context.closed?.message ?? 'It opened again in this moment: try again.',
        'unavailable',
      );
    case 'retry':
    case 'not_adopted':
    case 'pending_cap':
      return new UserError(`The ledger refused it (${refusal.outcome}).`, 'Try again.', 'unavailable');
  }
}

function again(nextReuseAt: Date | undefined): string {
  return nextReuseAt === undefined ? '' : `; the next released one is free at ${formatMinutes(nextReuseAt)}`;
}

function heldBy(holder: Holder): string {
  const until = holder.until === undefined ? '' : ` until ${formatMinutes(holder.until)}`;
  if (holder.state === 'released')
    return `released, but keeps its reuse delay${until}: only its last owner may have it`;
  const name = holderName(holder);
  return name === '' ? `${holder.state}${until}` : `${holder.state}, held by ${name}${until}`;
}
