import { listPools } from '../../ledger/pool/pools.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { Address, ReserveRequest } from '../backend.ts';
import { reservePool } from '../reserve-pool.ts';
import { takeAddress } from './take-address.ts';

/** Reserves a specific address or the next of a pool. */
export async function reserveAddress(ledger: Queryable, request: ReserveRequest, user: string): Promise<Address> {
  const pools = request.mac === undefined ? [] : await listPools(ledger);
  return takeAddress(ledger, { ...request, pool: reservePool(request, pools), state: 'reserved' }, user);
}
