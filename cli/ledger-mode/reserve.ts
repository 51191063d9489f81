import type { LedgerPool } from '../../ledger/connect.ts';
import { listPools } from '../../ledger/pools.ts';
import { rangeContains } from '../../mac/mac-range.ts';
import type { Address, ReserveRequest } from '../backend.ts';
import { UserError } from '../errors.ts';
import { noSuchPool } from './refusals.ts';
import { takeAddress } from './take-address.ts';

/** The pool of `reserve` where neither a pool nor an address is named. */
const DEFAULT_POOL = 'reserved';

/** A reserved address belongs to the pool whose range holds it, whatever pool was named: another one is an error. */
export async function reserveAddress(ledger: LedgerPool, request: ReserveRequest, user: string): Promise<Address> {
  return takeAddress(ledger, { ...request, pool: await poolOf(ledger, request), state: 'reserved' }, user);
}

async function poolOf(ledger: LedgerPool, { pool: named, mac }: ReserveRequest): Promise<string> {
  if (mac === undefined) return named ?? DEFAULT_POOL;
  const pools = await listPools(ledger);
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
