import type { AddressRow } from '../../ledger/address/address-row.ts';
import { type AddressFilter, listAddresses } from '../../ledger/address/find.ts';
import { pageMark } from '../../ledger/address/page-mark.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { addressView } from '../../ledger/view/address-view.ts';
import type { Address, ListFilters, ListQuery, Page } from '../backend.ts';
import { parseOwner } from '../parse-owner.ts';

/** Largest number of rows that the ledger returns at once. */
const MAX_ROWS = 10_000;

/** Returns the filter of a query for the ledger. */
export function filterOf(query: ListFilters): AddressFilter {
  const { pools, states, device: deviceId, deviceType, metadata } = query;
  const { kind, name, namespace } = parseOwner(query.owner);
  return {
    pool: pools?.length === 1 ? pools[0] : pools,
    states,
    deviceId,
    deviceType,
    metadata,
    kind,
    name,
    namespace: query.namespace ?? namespace,
    allocatedSince: query.since,
    allocatedBefore: query.before,
  };
}

/** Returns a page of addresses. It reads one row more than the limit to know whether another page follows. */
export async function listPage(ledger: Queryable, query: ListQuery): Promise<Page<Address>> {
  const { sortBy, limit } = query;
  const order = sortBy === 'mac' ? 'address' : sortBy;
  const filter: AddressFilter = { ...filterOf(query), order };
  const rows: AddressRow[] = [];
  let { after } = query;
  for (;;) {
    const wanted = Math.min(limit + 1 - rows.length, MAX_ROWS);
    const found = await listAddresses(ledger, { ...filter, after, limit: wanted });
    rows.push(...found);
    const last = rows.at(-1);
    if (found.length < wanted || rows.length > limit || last === undefined) break;
    after = pageMark(order, last);
  }
  const shown = rows.slice(0, limit);
  const end = shown.at(-1);
  const next = rows.length > limit && end !== undefined ? pageMark(order, end) : undefined;
  return { items: shown.map(addressView), next };
}
