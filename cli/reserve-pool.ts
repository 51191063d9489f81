import type { Pool } from '../ledger/pool/pools.ts';
import { rangeContains } from '../mac/mac-range.ts';
import type { ReserveRequest } from './backend.ts';
import { UserError } from './errors.ts';
import { noSuchPool } from './no-such-pool.ts';

/** The pool of `reserve` where neither a pool nor an address is named. */
const DEFAULT_POOL = 'reserved';

/** A reserved address belongs to the pool whose range holds it, whatever pool was named: another one is an error. */
export function reservePool(
  { pool: named, mac }: Pick<ReserveRequest, 'pool' | 'mac'>,
  pools: readonly Pool[],
): string {
  if (mac === undefined) return named ?? DEFAULT_POOL;
  const names = pools.map(({ name }) => name);
  const holder = pools.find((pool) => rangeContains(pool, mac));
  if (named !== undefined && !names.includes(named)) throw noSuchPool(named, names);
  if (holder === undefined) {
    throw new UserError(`${mac} is in no pool of this ledger.`, 'See `rock-mac pools` for their ranges.');
  }
  if (named !== undefined && named !== holder.name) {
    throw new UserError(
      `${mac} is in pool ${holder.name}, not in ${named}.`,
      'Leave --pool out: the address names its pool.',
    );
  }
  return holder.name;
}
