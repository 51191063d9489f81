import { Buffer } from 'node:buffer';
import type { StateMapObject } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { FOUND, MAP_STATES, type MapState, MAX_MAP_COUNT } from '../../api/state-map.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { stateMap } from '../../ledger/pool/state-map.ts';
import { type MacAddress, macToNumber, numberToMac, parseAnyMac } from '../../mac/mac-address.ts';
import { invalidContinueToken } from './continue-token.ts';
import type { ReadApiResource } from './read-api-resource.ts';
import { exactValue } from './selector-values.ts';
import { badRequest } from './status-error.ts';
import type { TableColumn } from './table.ts';

/** Each is up to 88 KiB of text, and 65,536 rows to read. */
const MAPS_PER_PAGE = 4;

/**
 * The states of the addresses of pools, one byte each, in maps of at most 65,536 addresses. A map is named after its first
 * address. Any address names a map; its `count` and a text to `search` are parameters of the request.
 */
export const stateMaps: ReadApiResource<StateMapObject> = {
  fields: ['pool'],
  orders: ['address'],
  columns,
  list: async (db, { terms, limit, after }) => {
    const ranges = await rangesAfter(db, exactValue(terms, 'pool'), after === undefined ? undefined : position(after));
    const onPage = ranges.slice(0, Math.min(limit, MAPS_PER_PAGE));
    const items: StateMapObject[] = [];
    for (const { first, count } of onPage) items.push(await readMap(db, first, count));
    return { items, end: ranges.length > onPage.length ? onPage.at(-1)?.first : undefined };
  },
  get: async (db, name, query) => {
    const first = parseAnyMac(name);
    return first === undefined
      ? undefined
      : await readMap(db, first, parseCount(query.get('count')), query.get('search') ?? '');
  },
};

function position(after: string): MacAddress {
  const parsed = parseAnyMac(after);
  if (parsed === undefined) throw invalidContinueToken();
  return parsed;
}

interface MapRange {
  readonly first: MacAddress;
  readonly count: number;
}

/** Returns the ranges of maps that begin after an address. A page has few, so not more than one page is made. */
async function rangesAfter(
  db: Queryable,
  pool: string | undefined,
  after: MacAddress | undefined,
): Promise<MapRange[]> {
  const ranges: MapRange[] = [];
  for (const { name, first, last } of await listPools(db)) {
    const end = macToNumber(last);
    const skipped =
      after === undefined ? 0 : Math.max(0, Math.floor((macToNumber(after) - macToNumber(first)) / MAX_MAP_COUNT) + 1);
    let from = macToNumber(first) + skipped * MAX_MAP_COUNT;
    while (name === (pool ?? name) && from <= end && ranges.length <= MAPS_PER_PAGE) {
      ranges.push({ first: numberToMac(from), count: Math.min(MAX_MAP_COUNT, end - from + 1) });
      from += MAX_MAP_COUNT;
    }
  }
  return ranges;
}

function parseCount(text: string | null): number {
  if (text === null || text === '') return MAX_MAP_COUNT;
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_MAP_COUNT) return count;
  throw badRequest(`count must be a whole number from 1 to ${String(MAX_MAP_COUNT)}, not ${JSON.stringify(text)}`);
}

async function readMap(db: Queryable, first: MacAddress, count: number, search = ''): Promise<StateMapObject> {
  const states = await stateMap(db, first, count, search === '' ? undefined : search);
  return {
    apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`,
    kind: 'StateMap',
    metadata: { name: first },
    count: states.length,
    states: Buffer.from(states).toString('base64'),
  };
}

function columns(): readonly TableColumn<StateMapObject>[] {
  const countOf = (map: StateMapObject, states: readonly MapState[]) => {
    const bytes = states.map((state): number => MAP_STATES[state]);
    return Buffer.from(map.states, 'base64').filter((byte) => bytes.includes(byte & ~FOUND)).length;
  };
  const column = (name: string, description: string, ...states: readonly MapState[]) => {
    return { name, type: 'integer' as const, description, cell: (map: StateMapObject) => countOf(map, states) };
  };
  return [
    { name: 'Name', type: 'string', description: 'The first address.', cell: ({ metadata }) => metadata.name },
    { name: 'Count', type: 'integer', description: 'Number of addresses.', cell: ({ count }) => count },
    column('Active', 'Active addresses.', 'active', 'stickyUnused'),
    column('Pending', 'Pending addresses.', 'pending'),
    column('Reserved', 'Reserved addresses.', 'reserved'),
    column('Waiting', 'Addresses in their reuse delay.', 'waiting'),
    column('Free', 'Addresses that can be allocated.', 'neverUsed', 'freeAgain'),
  ];
}
