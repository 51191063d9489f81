import type { Queryable } from '../../ledger/connection/statement.ts';
import {
  type ListedObservation,
  listObservations,
  observationMark,
} from '../../ledger/observation/list-observations.ts';
import type { Address, ListQuery, Page } from '../backend.ts';
import { observedAddress } from '../observed-address.ts';
import { parseOwner } from '../parse-owner.ts';

/** Largest number of rows that the ledger returns at once. */
const MAX_ROWS = 10_000;

/** Returns a page of addresses that live objects use without owning them. It reads one row more, to know whether another follows. */
export async function listObserved(ledger: Queryable, query: ListQuery): Promise<Page<Address>> {
  const { pools, owner, since, limit } = query;
  const { kind, name, namespace } = parseOwner(owner);
  const filter = { pools, kind, name, namespace: query.namespace ?? namespace, since };
  const rows: ListedObservation[] = [];
  let { after } = query;
  for (;;) {
    const wanted = Math.min(limit + 1 - rows.length, MAX_ROWS);
    const found = await listObservations(ledger, { ...filter, after, limit: wanted });
    rows.push(...found);
    const last = rows.at(-1);
    if (found.length < wanted || rows.length > limit || last === undefined) break;
    after = observationMark(last);
  }
  const shown = rows.slice(0, limit);
  const end = shown.at(-1);
  return {
    items: shown.map(observedAddress),
    next: rows.length > limit && end !== undefined ? observationMark(end) : undefined,
  };
}
