import type { LedgerAddress } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { ADDRESS_STATES } from '../../ledger/address/owner.ts';
import { ADDRESS_ORDERS, pageMark } from '../../ledger/address/page-mark.ts';
import { macToNumber, numberToMac, parseAnyMac, type MacAddress } from '../../mac/mac-address.ts';
import { macOf, momentOf, valueOf, valuesOf } from './selected-values.ts';
import { ago, type TableColumn } from './table.ts';
import { pageOf, type ViewResource } from './view-resource.ts';

/** Addresses that were ever handed out, by their MAC. */
export const addresses: ViewResource<LedgerAddress> = {
  fields: [
    ...[
      'metadata.name',
      'pool',
      'state',
      'device.id',
      'owner.clusterId',
      'owner.kind',
      'owner.namespace',
      'owner.name',
    ],
    ...['allocatedSince', 'changedSince'],
  ],
  orders: ADDRESS_ORDERS,
  columns,
  list: async (db, { terms, limit, after, ...question }) => {
    const order = ADDRESS_ORDERS.find((each) => each === question.order) ?? 'address';
    const named = macOf(terms, 'metadata.name');
    const filter = {
      pool: valueOf(terms, 'pool'),
      states: valuesOf(terms, 'state', ADDRESS_STATES),
      deviceId: valueOf(terms, 'device.id'),
      clusterId: valueOf(terms, 'owner.clusterId'),
      kind: valueOf(terms, 'owner.kind'),
      namespace: valueOf(terms, 'owner.namespace'),
      name: valueOf(terms, 'owner.name'),
      allocatedSince: momentOf(terms, 'allocatedSince'),
      changedSince: momentOf(terms, 'changedSince'),
    };
    const shown = { show, endAt: (row: AddressRow) => pageMark(order, row) };
    if (named !== undefined) {
      const rows = await listAddresses(db, { ...filter, after: justBefore(named), limit: 1 });
      return pageOf(
        rows.filter((row) => row.mac === named),
        limit,
        shown,
      );
    }
    return pageOf(await listAddresses(db, { ...filter, order, after, limit: limit + 1 }), limit, shown);
  },
  get: async (db, name) => {
    const address = parseAnyMac(name);
    const row = address === undefined ? undefined : await findByMac(db, address);
    return row === undefined ? undefined : show(row);
  },
};

function justBefore(address: MacAddress): MacAddress | undefined {
  const number = macToNumber(address);
  return number === 0 ? undefined : numberToMac(number - 1);
}

/** Not the holder key: it is what a release is asked with. */
function show(row: AddressRow): LedgerAddress {
  const { mac: name, pool, state, generation, origin, owner, device, consumer, metadata } = row;
  return {
    apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`,
    kind: 'Address',
    metadata: { name, creationTimestamp: seconds(row.allocatedAt) },
    pool,
    state,
    generation,
    origin,
    owner,
    device,
    consumer: consumer === undefined ? undefined : { kind: consumer.kind, name: consumer.name, nic: consumer.nic },
    attributes: Object.keys(metadata).length === 0 ? undefined : { ...metadata },
    allocatedAt: row.allocatedAt.toISOString(),
    changedAt: row.changedAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString(),
    releasedAt: row.releasedAt?.toISOString(),
    reusableAt: row.reusableAt?.toISOString(),
    missingSince: row.missingSince?.toISOString(),
    keptSince: row.keptSince?.toISOString(),
    requester: row.requester,
    actor: row.actor,
    reason: row.reason,
  };
}

/** metav1.Time has whole seconds. */
function seconds(moment: Date): string {
  return moment.toISOString().replace(/\.\d+Z$/, 'Z');
}

function columns(now: Date): readonly TableColumn<LedgerAddress>[] {
  return [
    { name: 'Name', type: 'string', description: 'The address.', cell: ({ metadata }) => metadata.name },
    { name: 'Pool', type: 'string', description: 'Its pool.', cell: ({ pool }) => pool },
    { name: 'State', type: 'string', description: 'Whether it is held.', cell: ({ state }) => state },
    { name: 'Holder', type: 'string', description: 'The device or object that holds it.', cell: holderOf },
    {
      name: 'Age',
      type: 'string',
      description: 'Since when its owner has it.',
      cell: ({ allocatedAt }) => ago(new Date(allocatedAt), now),
    },
    {
      name: 'Cluster',
      type: 'string',
      description: 'The cluster of its owner.',
      wide: true,
      cell: ({ owner }) => owner?.clusterId,
    },
    {
      name: 'Requester',
      type: 'string',
      description: 'Who asked for it.',
      wide: true,
      cell: ({ requester }) => requester,
    },
    {
      name: 'Expires',
      type: 'string',
      description: 'When it ends by itself.',
      wide: true,
      cell: ({ expiresAt }) => expiresAt,
    },
  ];
}

function holderOf({ owner, device }: LedgerAddress): string | undefined {
  if (device?.id !== undefined) return device.id;
  return owner === undefined ? undefined : `${owner.kind} ${owner.namespace}/${owner.name}`;
}
