import { z } from 'zod';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { ADDRESS_COLUMNS, type AddressRow, addressRowSchema } from './address-row.ts';
import { MAX_METADATA_TERMS, metadataPath, type MetadataTerm, metadataTermSchema } from './metadata-term.ts';
import { ADDRESS_STATES, type AddressState } from './owner.ts';
import { ADDRESS_ORDERS, type AddressOrder, orderSql, readPageMark } from './page-mark.ts';
import { requireValid } from './validate.ts';

const FROM = `from rock_mac.addresses a join rock_mac.pools p using (pool_id)`;

/** Returns the row of one address, or `undefined` if it was never handed out. */
export async function findByMac(db: Queryable, mac: MacAddress): Promise<AddressRow | undefined> {
  const [row] = await db.query({
    text: `select ${ADDRESS_COLUMNS} ${FROM} where a.addr = $1`,
    values: [macToNumber(mac)],
    row: addressRowSchema,
  });
  return row;
}

/** Returns the rows of these addresses, in numeric order. Addresses that were never used are left out. */
export function findByMacs(db: Queryable, macs: readonly MacAddress[]): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} ${FROM} where a.addr = any ($1::bigint[]) order by a.addr`,
    values: [macs.map(macToNumber)],
    row: addressRowSchema,
  });
}

/** Returns the address that a key holds now. */
export async function findByHolderKey(db: Queryable, key: string): Promise<AddressRow | undefined> {
  const [row] = await findByHolderKeys(db, [key]);
  return row;
}

/** Returns the addresses that these keys hold now, in numeric order. Keys without an address are left out. */
export async function findByHolderKeys(db: Queryable, keys: readonly string[]): Promise<AddressRow[]> {
  requireValid(z.array(storableText(600)), keys, 'The search for holder keys');
  return db.query({
    text: `select ${ADDRESS_COLUMNS} ${FROM} where a.holder_key = any ($1::text[]) and a.state <> 'released' order by a.addr`,
    values: [[...keys]],
    row: addressRowSchema,
  });
}

/** Returns the addresses that a device holds now, in numeric order. */
export async function findByDevice(db: Queryable, deviceId: string): Promise<AddressRow[]> {
  requireValid(storableText(512), deviceId, 'The search for a device');
  return db.query({
    text: `select ${ADDRESS_COLUMNS} ${FROM} where a.device_id = $1 and a.state <> 'released' order by a.addr`,
    values: [deviceId],
    row: addressRowSchema,
  });
}

/**
 * Returns the addresses that objects of a cluster hold now, in numeric order. A condition on the cluster in the statement would
 * let Postgres read all addresses of the cluster.
 */
export async function findByOwnerUids(
  db: Queryable,
  clusterId: string,
  uids: readonly string[],
): Promise<AddressRow[]> {
  requireValid(z.array(storableText(128)), [clusterId, ...uids], 'The search for owners');
  const rows = await db.query({
    text: `select ${ADDRESS_COLUMNS} ${FROM} where a.owner_uid = any ($1::text[]) and a.state <> 'released' order by a.addr`,
    values: [[...uids]],
    row: addressRowSchema,
  });
  return rows.filter(({ owner }) => owner?.clusterId === clusterId);
}

export interface AddressFilter {
  readonly clusterId?: string | undefined;
  /** One pool or several. Default: all pools. */
  readonly pool?: string | readonly string[] | undefined;
  /** Default: all states. */
  readonly states?: readonly AddressState[] | undefined;
  /** Namespace, kind and name of the owner. */
  readonly namespace?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly deviceType?: string | undefined;
  /** All of these conditions. Default: any metadata. */
  readonly metadata?: readonly MetadataTerm[] | undefined;
  /** The owner got it at or after this time. */
  readonly allocatedSince?: Date | undefined;
  /** The owner got it before this time. */
  readonly allocatedBefore?: Date | undefined;
  /** State, generation, owner or consumer changed at or after this time. */
  readonly changedSince?: Date | undefined;
  /** Default: `address`. */
  readonly order?: AddressOrder | undefined;
  /** Rows after the previous page: `pageMark` of its last row, in the same order. */
  readonly after?: string | undefined;
  /** Maximum number of rows: 1 to 10,000. Default: 100. */
  readonly limit?: number | undefined;
}

const filterSchema = z.object({
  clusterId: storableText(64).optional(),
  pool: z.union([storableText(63), z.array(storableText(63))]).optional(),
  states: z.array(z.enum(ADDRESS_STATES)).optional(),
  namespace: storableText(253).optional(),
  kind: storableText(64).optional(),
  name: storableText(253).optional(),
  deviceId: storableText(512).optional(),
  deviceType: storableText(512).optional(),
  metadata: z.array(metadataTermSchema).max(MAX_METADATA_TERMS).optional(),
  allocatedSince: z.date().optional(),
  allocatedBefore: z.date().optional(),
  changedSince: z.date().optional(),
  order: z.enum(ADDRESS_ORDERS).optional(),
  after: storableText(1024).optional(),
  limit: z.int().min(1).max(10_000).optional(),
});

/**
 * Returns the subquery for the addresses of a page. It reads only the address of rows outside the page: sorting whole
 * rows takes twice the time.
 */
function pageSql(
  order: AddressOrder,
  { states, pool, metadata = [] }: Pick<AddressFilter, 'states' | 'pool' | 'metadata'>,
): string {
  const { by, behind } = orderSql(order);
  // Literal conditions let the planner use the partial indexes, which omit released rows and those without metadata.
  const held = states?.includes('released') === false ? `and a.state <> 'released'` : '';
  const described =
    metadata.length > 0
      ? `and a.metadata <> '{}' and a.metadata ?& $13::text[] and ($16::text is null or a.metadata @@ $16::jsonpath)`
      : 'and $13::text[] is null and $16::text is null';
  const where = `
        ($1::text is null or a.cluster_id = $1)
    and ($3::text[] is null or a.state = any ($3)) ${held} ${described}
    and ($4::text is null or a.owner_namespace = $4)
    and ($5::text is null or a.owner_kind = $5)
    and ($6::text is null or a.device_id = $6)
    and ($7::timestamptz is null or a.changed_at >= $7)
    and ($8::bigint is null or (${behind}))
    and ($10::text is null or a.owner_name = $10)
    and ($11::timestamptz is null or a.allocated_at >= $11)
    and ($14::text is null or a.device_type = $14)
    and ($15::timestamptz is null or a.allocated_at < $15)`;
  if (order === 'pool') {
    // Pool by pool, each in primary-key order and no further than one page.
    return `select a.addr from rock_mac.pools p,
              lateral (select a.addr from rock_mac.addresses a where a.addr between p.first and p.last and ${where} order by a.addr limit $12) a
            where ($2::text[] is null or p.name = any ($2)) order by ${by} limit $12`;
  }
  // The range of one pool lets the planner read only that part of an index.
  const inPools =
    typeof pool === 'string'
      ? `a.addr between (select first from rock_mac.pools where name = any ($2)) and (select last from rock_mac.pools where name = any ($2))`
      : 'a.pool_id in (select pool_id from rock_mac.pools where name = any ($2))';
  return `select a.addr from rock_mac.addresses a
          where ${where} and ($2::text[] is null or ${inPools})
          order by ${by} limit $12`;
}

/** Returns a page of addresses. Throws BAD_REQUEST for an invalid filter. */
export async function listAddresses(db: Queryable, filter: AddressFilter = {}): Promise<AddressRow[]> {
  requireValid(filterSchema, filter, 'The address filter');
  const { order = 'address', limit = 100, after } = filter;
  const mark = after === undefined ? undefined : readPageMark(order, after);
  return db.query({
    text: `select ${ADDRESS_COLUMNS} ${FROM} where a.addr = any (array(${pageSql(order, filter)})) order by ${orderSql(order).by}`,
    values: [
      filter.clusterId,
      typeof filter.pool === 'string' ? [filter.pool] : filter.pool,
      filter.states,
      filter.namespace,
      filter.kind,
      filter.deviceId,
      filter.changedSince,
      mark?.addr,
      mark?.value,
      filter.name,
      filter.allocatedSince,
      limit,
      filter.metadata?.length === 0 ? undefined : filter.metadata?.map(({ key }) => key),
      filter.deviceType,
      filter.allocatedBefore,
      metadataPath(filter.metadata ?? []),
    ],
    row: addressRowSchema,
  });
}
