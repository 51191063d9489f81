import { listAddresses } from '../../ledger/address/find.ts';
import { pageMark } from '../../ledger/address/page-mark.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { addressView } from '../../ledger/view/address-view.ts';
import type { Address, ListQuery, Page } from '../backend.ts';
import { parseOwner } from '../parse-owner.ts';

/** Largest number of rows that the ledger returns at once. */
const MAX_ROWS = 10_000;

/** Returns a page of addresses. It reads one row more than the limit to know whether another page follows. */
export async function listPage(ledger: Queryable, query: ListQuery): Promise<Page<Address>> {
  const { pool, states, device: deviceId, owner, since: allocatedSince, sortBy, limit, after } = query;
  const order = sortBy === 'mac' ? 'address' : sortBy;
  const { kind, name, namespace } = parseOwner(owner);
  const rows = await listAddresses(ledger, {
    pool,
    states,
    deviceId,
    kind,
    name,
    namespace: query.namespace ?? namespace,
    allocatedSince,
    order,
    after,
    limit: Math.min(limit + 1, MAX_ROWS),
  });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? pageMark(order, last) : undefined;
  return { items: shown.map(addressView), next };
}
