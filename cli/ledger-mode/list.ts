import { listAddresses } from '../../ledger/address/find.ts';
import { pageMark } from '../../ledger/address/page-mark.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { Address, ListQuery, Page } from '../backend.ts';
import { readOwner } from '../read-owner.ts';
import { toAddress } from './address.ts';

/** A page of addresses; one row more is asked for than is shown, to know whether there is another page. */
export async function listPage(ledger: Queryable, query: ListQuery): Promise<Page<Address>> {
  const { pool, states, device: deviceId, owner, since: allocatedSince, sortBy, limit, after } = query;
  const order = sortBy === 'mac' ? 'address' : sortBy;
  const found = readOwner(owner);
  const namespace = query.namespace ?? found.namespace;
  const rows = await listAddresses(ledger, {
    ...{ pool, states, deviceId, allocatedSince, ...found, namespace, order, after },
    limit: Math.min(limit + 1, 10_000),
  });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? pageMark(order, last) : undefined;
  return { items: shown.map(toAddress), next };
}
