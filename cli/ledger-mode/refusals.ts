import type { AllocationOutcome } from '../../ledger/address/allocate.ts';
import {
  ALLOCATION_OUTCOMES,
  allocationCode,
  type AllocationRefusal,
  describeRefusal,
  type OutcomeFacts,
} from '../../ledger/outcomes.ts';
import type { LedgerState } from '../../ledger/state/state.ts';
import { type CommandRefusal, commandRefusal, unknownPool } from '../errors.ts';
import { holderName } from '../output/address-list.ts';
import { formatMinutes } from '../output/time.ts';

/** Facts about the ledger that the explanation of a refusal needs. */
export interface LedgerFacts {
  readonly pool: string;
  readonly poolNames: readonly string[];
  /** Set only if the ledger is not open. */
  readonly closed?: LedgerState['closed'];
}

export function isAllocationRefusal(outcome: AllocationOutcome): outcome is AllocationRefusal {
  return outcome.outcome !== 'allocated' && outcome.outcome !== 'replayed';
}

/** Explains a refused allocation with the words and the exit of the catalogue. */
export function explainRefusal(refused: AllocationRefusal, { pool, poolNames, closed }: LedgerFacts): CommandRefusal {
  // Suggests the pool that the user may have meant.
  if (refused.outcome === 'pool_not_found') return unknownPool(pool, poolNames);
  const entry = ALLOCATION_OUTCOMES[allocationCode(refused)];
  const { cause, next } = describeRefusal(entry, entry.cli, factsOf(refused, pool));
  return commandRefusal(`${cause}.`, closed?.message ?? `${next}.`, entry.cli.exit);
}

function factsOf(refused: AllocationRefusal, pool: string): OutcomeFacts {
  switch (refused.outcome) {
    case 'in_use': {
      const { mac, holder } = refused;
      const name = holderName(holder);
      return { pool, mac, holder: name === '' ? undefined : name, state: holder.state, freeAt: timeText(holder.until) };
    }
    case 'exhausted':
      return { pool, freeAt: timeText(refused.nextReuseAt) };
    default:
      return { pool };
  }
}

function timeText(moment: Date | undefined): string | undefined {
  return moment === undefined ? undefined : formatMinutes(moment);
}
