import { hostnameOf, ipsOf } from '../../api/well-known-metadata.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { Address, Page } from '../backend.ts';
import { type Csv, csvOf } from './csv.ts';
import type { Report } from './format.ts';
import { type Column, formatTable } from './table.ts';
import { formatMinutes } from './time.ts';

/** Returns the text of the device column: the device, or the object that holds the address. */
export function holderName({ device, owner }: Pick<Address, 'device' | 'owner'>): string {
  return device?.id ?? (owner === undefined ? '' : qualifiedName(owner));
}

/** Returns `namespace/name`. The holder of a stock has no namespace. */
export function qualifiedName({ namespace, name }: Pick<Owner, 'namespace' | 'name'>): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

const DEVICE_WIDTH = 20;

const COLUMNS: readonly Column[] = [
  { head: 'MAC Address', width: 20 },
  { head: 'Pool', width: 12 },
  { head: 'Device ID', width: DEVICE_WIDTH },
  { head: 'Status', width: 10 },
  { head: 'Allocated At', width: 16 },
];

/** Adds columns after those of the predecessor. */
const WIDE_COLUMNS: readonly Column[] = [
  ...COLUMNS,
  { head: 'Expires At', width: 16 },
  { head: 'Type', width: 12 },
  { head: 'Owner', width: 40 },
  { head: 'Requester', width: 12 },
  { head: 'IP Address', width: 15 },
  { head: 'Hostname', width: 12 },
];

const NAMESPACE_COLUMN: Column = { head: 'NAMESPACE', width: 20 };

/**
 * Returns the output of `list`: the table of the predecessor, with its total. With `namespaces` it begins with the
 * namespace of each object, as kubectl shows objects of all namespaces.
 */
export function addressReport(page: Page<Address>, { namespaces = false } = {}): Report {
  const { items } = page;
  return {
    lines: (format) => {
      if (items.length === 0) return ['No allocations found'];
      const wide = format === 'wide';
      const columns = wide ? WIDE_COLUMNS : COLUMNS;
      const rows = items.map((item) => [
        ...(namespaces ? [item.owner?.namespace ?? ''] : []),
        ...cells(item, namespaces),
        ...(wide ? moreCells(item) : []),
      ]);
      const table = formatTable(namespaces ? [NAMESPACE_COLUMN, ...columns] : columns, rows);
      return [...table, '', `Total: ${String(items.length)} allocation(s)`];
    },
    kind: 'AddressList',
    value: page,
    names: () => items.map(({ mac }) => mac),
    csv: () => addressCsv(items),
  };
}

/** Returns the content of `list -o csv`. */
function addressCsv(items: readonly Address[]): Csv {
  const rows = items.map(({ owner, device, clusterName, ...item }) => ({
    ...item,
    device: device?.id,
    type: device?.type,
    cluster: clusterName ?? owner?.clusterId,
    namespace: owner?.namespace,
    kind: owner?.kind,
    name: owner?.name,
    nic: owner?.nic,
    metadata: Object.keys(item.metadata).length === 0 ? undefined : item.metadata,
    ip: ipsOf(item.metadata).join(','),
    hostname: hostnameOf(item.metadata),
  }));
  return csvOf(rows, [
    ...(['mac', 'pool', 'state', 'device', 'type', 'cluster', 'namespace', 'kind', 'name', 'nic'] as const),
    ...(['allocatedAt', 'expiresAt', 'requester', 'metadata', 'ip', 'hostname'] as const),
  ]);
}

/** Returns the state for people. An address that nobody holds may be in use all the same. */
export function shownState({ state, observed }: Pick<Address, 'state' | 'observed'>): string {
  return state === 'released' && observed === true ? 'observed' : state;
}

function cells(item: Address, hasNamespace: boolean): string[] {
  const holder = hasNamespace && item.device?.id === undefined ? (item.owner?.name ?? '') : deviceCell(item);
  return [item.mac, item.pool, holder, shownState(item), minutesOf(item.allocatedAt)];
}

/** Truncates names of objects, which the predecessor did not have, to keep the next columns in place. */
function deviceCell(item: Address): string {
  const name = holderName(item);
  if (item.device?.id !== undefined || name.length <= DEVICE_WIDTH) return name;
  return `…${name.slice(1 - DEVICE_WIDTH)}`;
}

function moreCells({ expiresAt, device, owner, requester, metadata }: Address): string[] {
  return [
    ...[minutesOf(expiresAt), device?.type ?? '', owner === undefined ? '' : objectText(owner), requester ?? ''],
    ...[ipsOf(metadata).join(','), hostnameOf(metadata) ?? ''],
  ];
}

/**
 * Returns an object as `kind/namespace/name/nic`. Parts that it does not have are left out: the NIC of a claim, and the
 * name of an object that is not stored yet.
 */
export function objectText(object: Readonly<Record<'kind' | 'namespace' | 'name' | 'nic', unknown>>): string {
  const { kind, namespace, name, nic } = object;
  return [kind, namespace, name, nic].filter((part) => typeof part === 'string' && part !== '').join('/');
}

function minutesOf(date: Date | undefined): string {
  return date === undefined ? '' : formatMinutes(date);
}
