import { macToNumber, parseAnyMac } from '../../mac/mac-address.ts';
import type { AddressRow } from './address-row.ts';
import { LedgerError } from '../errors.ts';

/**
 * In which order addresses are listed. `address`: rising. `newest`: latest allocation first. `pool`, `device`: by that
 * name, those without a device last. Addresses that are the same in it come in the order of addresses.
 */
export const ADDRESS_ORDERS = ['address', 'newest', 'pool', 'device'] as const;
export type AddressOrder = (typeof ADDRESS_ORDERS)[number];

/** Where a page ended: an address, and by what it was sorted. What changes meanwhile moves no page. */
interface Mark {
  readonly addr: number;
  readonly value: string | undefined;
}

interface Order {
  readonly by: string;
  /** True of what comes behind a mark; `$8` is its address, `$9` its value. */
  readonly behind: string;
  readonly valueOf: (row: AddressRow) => string | undefined;
  /** Whether a text can be the value of a mark. */
  readonly accepts: (value: string | undefined) => boolean;
}

/** To the millisecond, which is what a program sees of a time; a mark must not lie between two rows that look alike. */
const ALLOCATED = `date_trunc('milliseconds', a.allocated_at)`;

const ORDERS: Readonly<Record<AddressOrder, Order>> = {
  address: {
    by: 'a.addr',
    behind: 'a.addr > $8 and $9::text is null',
    valueOf: () => undefined,
    accepts: (value) => value === undefined,
  },
  newest: {
    by: `${ALLOCATED} desc, a.addr desc`,
    behind: `(${ALLOCATED}, a.addr) < ($9::text::timestamptz, $8)`,
    valueOf: (row) => row.allocatedAt.toISOString(),
    accepts: (value) => value !== undefined && !Number.isNaN(Date.parse(value)) && value.endsWith('Z'),
  },
  pool: {
    by: 'p.name, a.addr',
    behind: 'p.name >= $9::text and a.addr > case p.name when $9 then $8 else 0 end',
    valueOf: (row) => row.pool,
    accepts: (value) => value !== undefined,
  },
  device: {
    by: `a.device_id is null, coalesce(a.device_id, ''), a.addr`,
    behind: `(a.device_id is null, coalesce(a.device_id, ''), a.addr) > ($9::text is null, coalesce($9::text, ''), $8)`,
    valueOf: (row) => row.device?.id,
    accepts: () => true,
  },
};

/** The parts of a statement that list in this order. */
export function orderSql(order: AddressOrder): Pick<Order, 'by' | 'behind'> {
  return ORDERS[order];
}

/** What to pass as `after` for the page behind this row. In the order of addresses it is the address itself. */
export function pageMark(order: AddressOrder, row: AddressRow): string {
  const value = ORDERS[order].valueOf(row);
  return value === undefined ? row.mac : `${row.mac}@${value}`;
}

/** Reads what `pageMark` wrote. Throws BAD_REQUEST for anything else, and for a mark of another order. */
export function readPageMark(order: AddressOrder, text: string): Mark {
  const at = text.indexOf('@');
  const address = parseAnyMac(at < 0 ? text : text.slice(0, at));
  const value = at < 0 ? undefined : text.slice(at + 1);
  if (address === undefined || !ORDERS[order].accepts(value)) {
    throw new LedgerError('BAD_REQUEST', `${JSON.stringify(text)} is no end of a page in the order ${order}`, {
      next: 'Pass what the page before named, or nothing for the first page.',
    });
  }
  return { addr: macToNumber(address), value };
}
