import type { AddressObject } from '../../api/ledger-view.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { parseMetadataTerm } from '../../ledger/address/metadata-term.ts';
import { ADDRESS_STATES } from '../../ledger/address/owner.ts';
import { ADDRESS_ORDERS, pageMark } from '../../ledger/address/page-mark.ts';
import { searchAddresses } from '../../ledger/address/search.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { addressView, encodeAddress } from '../../ledger/view/address-view.ts';
import { type MacAddress, macToNumber, numberToMac, parseAnyMac } from '../../mac/mac-address.ts';
import type { FieldTerm } from './field-selector.ts';
import type { ListParameters } from './list-parameters.ts';
import { type ReadApiResource, toPage } from './read-api-resource.ts';
import { allowedValues, allValues, exactValue, macValue, timeValue } from './selector-values.ts';
import { badRequest } from './status-error.ts';
import { formatAge, type TableColumn } from './table.ts';

/** Every address that was allocated at least once, named by its MAC. */
export const addresses: ReadApiResource<AddressObject> = {
  fields: [
    'metadata.name',
    'pool',
    'state',
    'device.id',
    'device.type',
    'attribute',
    'owner.clusterId',
    'owner.kind',
    'owner.namespace',
    'owner.name',
    'allocatedSince',
    'allocatedBefore',
    'changedSince',
    'search',
  ],
  orders: ADDRESS_ORDERS,
  columns,
  list: async (db, { terms, limit, after, ...parameters }) => {
    const searched = exactValue(terms, 'search');
    if (searched !== undefined) return { items: await search(db, searched, { terms, limit }) };
    const pool = await poolFilter(db, terms);
    const order = ADDRESS_ORDERS.find((each) => each === parameters.order) ?? 'address';
    const named = macValue(terms, 'metadata.name');
    const filter = {
      pool,
      states: allowedValues(terms, 'state', ADDRESS_STATES),
      deviceId: exactValue(terms, 'device.id'),
      deviceType: exactValue(terms, 'device.type'),
      metadata: allValues(terms, 'attribute').map(parseMetadataTerm),
      clusterId: exactValue(terms, 'owner.clusterId'),
      kind: exactValue(terms, 'owner.kind'),
      namespace: exactValue(terms, 'owner.namespace'),
      name: exactValue(terms, 'owner.name'),
      allocatedSince: timeValue(terms, 'allocatedSince'),
      allocatedBefore: timeValue(terms, 'allocatedBefore'),
      changedSince: timeValue(terms, 'changedSince'),
    };
    const mapping = { encode: encodeRow, endAt: (row: AddressRow) => pageMark(order, row) };
    if (named !== undefined) {
      const rows = await listAddresses(db, { ...filter, after: precedingMac(named), limit: 1 });
      const matching = rows.filter((row) => row.mac === named);
      return toPage(matching, limit, mapping);
    }
    return toPage(await listAddresses(db, { ...filter, order, after, limit: limit + 1 }), limit, mapping);
  },
  get: async (db, name) => {
    const address = parseAnyMac(name);
    const row = address === undefined ? undefined : await findByMac(db, address);
    return row === undefined ? undefined : encodeRow(row);
  },
};

/** The most addresses that a search finds. People read no more, and type more of the text. */
const MAX_FOUND = 1_000;

/** Returns the addresses that a text is found in, the best first. There is one page of them. */
async function search(
  db: Queryable,
  text: string,
  { terms, limit }: Pick<ListParameters, 'terms' | 'limit'>,
): Promise<AddressObject[]> {
  if (terms.some(({ field }) => field !== 'search')) throw badRequest('search cannot be used with other fields');
  return (await searchAddresses(db, text, Math.min(limit, MAX_FOUND))).map(encodeRow);
}

/** Returns the pool of `pool=`, or all pools that no `pool!=` excludes. */
async function poolFilter(db: Queryable, terms: readonly FieldTerm[]): Promise<string | readonly string[] | undefined> {
  const excluded = terms.filter(({ field, equal }) => field === 'pool' && !equal).map(({ value }) => value);
  if (excluded.length === 0) return exactValue(terms, 'pool');
  const wanted = exactValue(
    terms.filter(({ equal }) => equal),
    'pool',
  );
  const names = wanted === undefined ? (await listPools(db)).map(({ name }) => name) : [wanted];
  return names.filter((name) => !excluded.includes(name));
}

function encodeRow(row: AddressRow): AddressObject {
  return encodeAddress(addressView(row));
}

/** Returns the address before this one, or `undefined` for the first one. */
function precedingMac(address: MacAddress): MacAddress | undefined {
  const number = macToNumber(address);
  return number === 0 ? undefined : numberToMac(number - 1);
}

function columns(now: Date): readonly TableColumn<AddressObject>[] {
  return [
    { name: 'Name', type: 'string', description: 'The address.', cell: ({ metadata }) => metadata.name },
    { name: 'Pool', type: 'string', description: 'The pool of the address.', cell: ({ pool }) => pool },
    { name: 'State', type: 'string', description: 'The state of the address.', cell: ({ state }) => state },
    { name: 'Holder', type: 'string', description: 'The device or object that holds the address.', cell: holderOf },
    {
      name: 'Age',
      type: 'string',
      description: 'Time since the owner got the address.',
      cell: ({ allocatedAt }) => formatAge(new Date(allocatedAt), now),
    },
    {
      name: 'Cluster',
      type: 'string',
      description: 'The cluster of the owner.',
      wide: true,
      cell: ({ owner }) => owner?.clusterId,
    },
    {
      name: 'Requester',
      type: 'string',
      description: 'Who requested the address.',
      wide: true,
      cell: ({ requester }) => requester,
    },
    {
      name: 'Expires',
      type: 'string',
      description: 'When the lease or the address expires.',
      wide: true,
      cell: ({ expiresAt }) => expiresAt,
    },
  ];
}

function holderOf({ owner, device }: AddressObject): string | undefined {
  if (device?.id !== undefined) return device.id;
  if (owner === undefined) return undefined;
  const { kind, namespace, name } = owner;
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`; // a stock has no namespace
}
