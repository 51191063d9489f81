import { macToNumber, parseAnyMac } from '../../mac/mac-address.ts';
import { LedgerError } from '../errors.ts';
import type { AddressRow } from './address-row.ts';

/**
 * Orders of an address list. `address`: rising. `newest`: latest allocation first. `pool`, `device`: by name, addresses
 * without a device last. Equal rows come in the order of addresses.
 */
export const ADDRESS_ORDERS = ['address', 'newest', 'pool', 'device'] as const;
export type AddressOrder = (typeof ADDRESS_ORDERS)[number];

/** The end of a page: an address and its sort value. Later changes do not move it. */
interface Mark {
  readonly addr: number;
  readonly value: string | undefined;
}

interface Order {
  readonly by: string;
  /** SQL condition for rows after a mark; `$8` is its address, `$9` its value. */
  readonly behind: string;
  readonly valueOf: (row: AddressRow) => string | undefined;
  /** Returns whether a text can be the value of a mark. */
  readonly accepts: (value: string | undefined) => boolean;
}

/**
 * Truncated to milliseconds, the precision that programs see. A mark must not fall between two rows that look equal.
 */
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

/** Returns the SQL parts for this order. */
export function orderSql(order: AddressOrder): Pick<Order, 'by' | 'behind'> {
  return ORDERS[order];
}

/** Returns the `after` value for the page that follows this row. In address order it is the address itself. */
export function pageMark(order: AddressOrder, row: AddressRow): string {
  const value = ORDERS[order].valueOf(row);
  return value === undefined ? row.mac : `${row.mac}@${value}`;
}

/** Parses the text of `pageMark`. Throws BAD_REQUEST for anything else, and for a mark of another order. */
export function readPageMark(order: AddressOrder, text: string): Mark {
  const at = text.indexOf('@');
  const address = parseAnyMac(at < 0 ? text : text.slice(0, at));
  const value = at < 0 ? undefined : text.slice(at + 1);
  if (address === undefined || !ORDERS[order].accepts(value)) {
    throw new LedgerError('BAD_REQUEST', `${JSON.stringify(text)} is not a page mark in the order ${order}`, {
      next: 'Pass the mark of the previous page, or none for the first page.',
    });
  }
  return { addr: macToNumber(address), value };
}
