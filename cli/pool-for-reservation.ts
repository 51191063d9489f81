import type { Pool } from '../ledger/pool/pools.ts';
import { rangeContains } from '../mac/mac-range.ts';
import type { ReserveRequest } from './backend.ts';
import { unknownPool, UserError } from './errors.ts';

/** The pool of `reserve` if neither a pool nor an address is given. */
const DEFAULT_POOL = 'reserved';

/**
 * Returns the pool of a reservation: the pool whose range contains the address, or the given pool if there is no
 * address. Throws a UserError if the given pool contradicts the address.
 */
export function poolForReservation(
  { pool: named, mac }: Pick<ReserveRequest, 'pool' | 'mac'>,
  pools: readonly Pool[],
): string {
  if (mac === undefined) return named ?? DEFAULT_POOL;
  const names = pools.map(({ name }) => name);
  const containing = pools.find((pool) => rangeContains(pool, mac));
  if (named !== undefined && !names.includes(named)) throw UserError.from(unknownPool(named, names));
  if (containing === undefined) {
    throw new UserError(`${mac} is in no pool of this ledger.`, 'Run `rock-mac pool list` to see their ranges.');
  }
  if (named !== undefined && named !== containing.name) {
    throw new UserError(
      `${mac} is in pool ${containing.name}, not in ${named}.`,
      'Leave --pool out: the address determines the pool.',
    );
  }
  return containing.name;
}
