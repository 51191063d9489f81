import type { ImportOutcome } from '../../ledger/address/import-addresses.ts';
import { holderName } from '../output/address-list.ts';
import { formatMinutes } from '../output/time.ts';
import type { Conflict, ConflictKind } from './conflicts.ts';
import type { ImportEntry } from './entries.ts';

/** What the ledger does, or would do, with an entry. */
export type Decision = Decided | { readonly kind: 'conflict'; readonly conflict: Conflict };

/** An entry without a conflict. `differs`: the ledger keeps other metadata or another type. */
export interface Decided {
  readonly kind: 'imported' | 'updated' | 'unchanged' | 'differs';
  readonly entry: ImportEntry;
  readonly pool: string;
}

/** Decides what an outcome of the ledger means for an entry. Pure. A closed ledger is no outcome of an entry. */
export function decide(entry: ImportEntry, outcome: Exclude<ImportOutcome, { outcome: 'not_open' }>): Decision {
  const { place, mac, deviceId: device } = entry;
  const refuse = (kind: ConflictKind, detail: string): Decision => {
    return { kind: 'conflict', conflict: { place, kind, mac, device, detail } };
  };
  if (outcome.outcome === 'invalid') return refuse('bad-value', outcome.why);
  if (outcome.outcome === 'in_no_pool') return refuse('outside', 'no pool of the ledger has this address');
  const { pool } = outcome;
  if (entry.pool !== undefined && entry.pool !== pool)
    return refuse('other-pool', `it is in pool ${pool}, not in ${entry.pool}`);
  switch (outcome.outcome) {
    case 'in_use': {
      const { holder } = outcome;
      const name = holderName(holder);
      return refuse('held', `${holder.state} for ${name === '' ? 'another owner' : name}`);
    }
    case 'in_reuse_delay': {
      const { holder } = outcome;
      const name = holderName(holder);
      const end = holder.until === undefined ? 'the reuse delay is over' : formatMinutes(holder.until);
      return refuse('reuse-delay', `it was released${name === '' ? '' : ` by ${name}`}, and is not free until ${end}`);
    }
    case 'observed':
      return refuse('observed', 'a live object uses it, and the ledger gave it to nobody');
    case 'pool_paused':
      return refuse('pool-closed', `pool ${pool} is paused`);
    case 'prefix_not_seen':
      return refuse('pool-closed', `not every cluster has looked for addresses of the prefix of pool ${pool}`);
    case 'too_large':
      return refuse('bad-value', 'its metadata is too large together with that in the ledger');
    default:
      return { kind: outcome.outcome, entry, pool };
  }
}
