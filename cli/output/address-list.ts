import type { Address, Page } from '../backend.ts';
import type { Report } from './format.ts';
import { formatTable, type Column } from './table.ts';
import { formatMinutes } from './time.ts';

/** Returns the text of the device column: the device, or the object that holds the address. */
export function holderName({ device, owner }: Pick<Address, 'device' | 'owner'>): string {
  return device?.id ?? (owner === undefined ? '' : `${owner.namespace}/${owner.name}`);
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
];

/** Returns the output of `list`: the table of the predecessor, with its total. */
export function addressReport(page: Page<Address>): Report {
  const { items } = page;
  return {
    lines: (format) => {
      if (items.length === 0) return ['No allocations found'];
      const wide = format === 'wide';
      const rows = items.map((item) => (wide ? [...cells(item), ...moreCells(item)] : cells(item)));
      return [...formatTable(wide ? WIDE_COLUMNS : COLUMNS, rows), '', `Total: ${String(items.length)} allocation(s)`];
    },
    value: page,
    names: () => items.map(({ mac }) => mac),
  };
}

function cells(item: Address): string[] {
  return [item.mac, item.pool, deviceCell(item), item.state, minutesOf(item.allocatedAt)];
}

/** Truncates names of objects, which the predecessor did not have, to keep the next columns in place. */
function deviceCell(item: Address): string {
  const name = holderName(item);
  if (item.device?.id !== undefined || name.length <= DEVICE_WIDTH) return name;
  return `…${name.slice(1 - DEVICE_WIDTH)}`;
}

function moreCells({ expiresAt, device, owner, requester }: Address): string[] {
  const { kind, namespace, name, nic } = owner ?? {};
  const object = [kind, namespace, name, nic].filter(Boolean).join('/'); // the NIC of a claim is empty
  return [minutesOf(expiresAt), device?.type ?? '', object, requester ?? ''];
}

function minutesOf(date: Date | undefined): string {
  return date === undefined ? '' : formatMinutes(date);
}
