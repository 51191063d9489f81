import { z } from 'zod';
import { macToNumber } from '../../mac/mac-address.ts';
import { hasPartialMac, parsePartialMac, type PartialMac } from '../../mac/partial-mac.ts';
import { storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { ADDRESS_COLUMNS, type AddressRow, addressRowSchema } from './address-row.ts';
import { requireValid } from './validate.ts';

/** In what a text was found, in the order of results. */
export const FOUND_IN = ['address', 'device', 'owner', 'consumer', 'namespace', 'cluster', 'metadata'] as const;
export type FoundIn = (typeof FOUND_IN)[number];

/** Where a text was found, and the value that contains it. */
export interface Match {
  readonly found: FoundIn;
  readonly value: string;
}

/** The parts of an address that a search reads. */
export type Searched = Pick<AddressRow, 'mac' | 'owner' | 'device' | 'clusterName' | 'metadata'> & {
  readonly state: string;
  readonly consumer?: Pick<NonNullable<AddressRow['consumer']>, 'name'> | undefined;
};

/**
 * Returns where a text is found in an address: consecutive digits anywhere in the MAC, or the beginning of a device, of the
 * name or namespace of its owner, of the pod or VM that uses the claim, of the cluster's name or id, or of a value of
 * metadata. Of a released address, only the MAC counts. Case does not matter, except for devices.
 */
export function matchText(address: Searched, text: string): Match | undefined {
  const { mac, state } = address;
  const wanted = text.trim();
  const partial = parsePartialMac(wanted);
  if (partial !== undefined && hasPartialMac(macToNumber(mac), partial)) return { found: 'address', value: mac };
  if (state === 'released') return undefined;
  const lower = wanted.toLowerCase();
  return textsOf(address).find(({ found, value }) =>
    found === 'device' ? value.startsWith(wanted) : value.toLowerCase().startsWith(lower),
  );
}

/** Returns the texts that a search compares, in the order of FOUND_IN. */
function textsOf({ owner, device, consumer, clusterName, metadata }: Searched): Match[] {
  const texts: readonly (readonly [FoundIn, string | undefined])[] = [
    ['device', device?.id],
    ['owner', owner?.name],
    ['consumer', consumer?.name],
    ['namespace', owner?.namespace],
    ['cluster', clusterName],
    ['cluster', owner?.clusterId],
    ...valuesOf(metadata).map((value) => ['metadata', value] as const),
  ];
  return texts.flatMap(([found, value]) => (value === undefined ? [] : [{ found, value }]));
}

/** Returns the texts and numbers anywhere in metadata. */
function valuesOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(valuesOf) : [];
}

export const searchText = storableText(200).refine((text) => text.trim() !== '', 'is empty');

const searchSchema = z.object({
  text: searchText,
  limit: z.int().min(1).max(1_000),
});

/** Each reads no more than the limit through an index of its own. Names are stored in lower case. */
const PLACES: readonly string[] = [
  `select a.addr from rock_mac.addresses a where a.device_id ^@ $1 and a.state <> 'released' order by a.device_id limit $2`,
  `select a.addr from rock_mac.addresses a
   where a.owner_name ^@ lower($1) and a.owner_name is not null and a.state <> 'released' order by a.owner_name limit $2`,
  `select a.addr from rock_mac.addresses a
   where a.consumer_name ^@ lower($1) and a.consumer_name is not null and a.state <> 'released' order by a.consumer_name limit $2`,
  `select a.addr from rock_mac.clusters c, lateral (
     select s.addr from rock_mac.addresses s
     where s.cluster_id = c.cluster_id and s.state in ('active', 'pending', 'reserved', 'stocked', 'orphaned') and s.state <> 'released'
       and s.owner_namespace ^@ lower($1) limit $2) a`,
  `select a.addr from rock_mac.clusters c, lateral (
     select s.addr from rock_mac.addresses s where s.cluster_id = c.cluster_id and s.state <> 'released' limit $2) a
   where lower(c.name) ^@ lower($1) or c.cluster_id ^@ lower($1)`,
  `select a.addr from rock_mac.addresses a
   where rock_mac.metadata_terms(a.metadata) @@ lower($3)::tsquery and a.metadata <> '{}' and a.state <> 'released' limit $2`,
];

/** More ranges than these are not visited for one place of digits. Rows are compared instead. */
const MOST_RANGES = 5_000;

/**
 * The used and the unused part of each pool, as ranges. Pools are handed out from their beginning, so the used part of a large pool
 * is small, and the rest of it has few rows: those of addresses that somebody asked for.
 */
const PARTS = `(
  select q.first, q.next_addr - 1 as last from rock_mac.pools q where q.next_addr > q.first
  union all select q.next_addr, q.last from rock_mac.pools q where q.next_addr <= q.last)`;

/**
 * Digits of $4 bits, with the value $5, at each of the places $6. A place in a part of a pool is some ranges of addresses, which an
 * index finds. The series is bounded by its arguments: Postgres makes the whole of it before the first row is read.
 */
const DIGITS_IN_RANGES = `
  select a.addr from ${PARTS} p, unnest($6::int[]) as shift,
    generate_series(p.first >> (shift + $4::int), least(p.last >> (shift + $4::int), (p.first >> (shift + $4::int)) + ${String(MOST_RANGES)})) as upper,
    lateral (select ((upper << $4::int) | $5::bigint) << shift as low) r,
    lateral (
      select s.addr from rock_mac.addresses s
      where s.addr between greatest(r.low, p.first) and least(r.low + (1::bigint << shift) - 1, p.last) order by s.addr limit $2) a
  where (p.last - p.first) >> (shift + $4::int) < ${String(MOST_RANGES)} and r.low <= p.last and r.low + (1::bigint << shift) > p.first`;

/** The bits of an address behind its shortest prefix: no pool is larger. */
const LARGEST_POOL_BITS = 40;

/** The same at the places that have more ranges in the largest pools. Only addresses that were used once have rows, so there are far fewer of them. */
function digitsInRows({ digits, shifts }: PartialMac): string | undefined {
  const place = (number: number) => `($6::int[])[${String(number)}]`;
  const manyRanges = (shift: number) => 2 ** (LARGEST_POOL_BITS - shift - 4 * digits) >= MOST_RANGES;
  const matches = shifts.flatMap((shift, index) =>
    manyRanges(shift) ? [`(s.addr >> ${place(index + 1)}) & ((1::bigint << $4::int) - 1) = $5::bigint`] : [],
  );
  if (matches.length === 0) return undefined;
  return `
  select a.addr from ${PARTS} p, lateral (
    select s.addr from rock_mac.addresses s
    where s.addr between p.first and p.last and (${matches.join(' or ')}) order by s.addr limit $2) a
  where (p.last - p.first) >> (${place(shifts.length)} + $4::int) >= ${String(MOST_RANGES)}`;
}

function digitsIn(partial: PartialMac): string {
  const inRows = digitsInRows(partial);
  return inRows === undefined ? DIGITS_IN_RANGES : `${DIGITS_IN_RANGES} union all ${inRows}`;
}

/** Returns the tsquery for words that begin with a text, however it is written. */
export function prefixQuery(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '$&$&')}':*`;
}

/**
 * Returns at most `limit` addresses (1 to 1,000) in which `matchText` finds a text, in the order of FOUND_IN. Every place is
 * searched through an index, but for digits in a pool that has too many places for them. Throws BAD_REQUEST for an empty text, and for one of more than 200 octets.
 */
export async function searchAddresses(db: Queryable, text: string, limit: number): Promise<AddressRow[]> {
  requireValid(searchSchema, { text, limit }, 'The search');
  const wanted = text.trim();
  const partial = parsePartialMac(wanted);
  const places = [...(partial === undefined ? [] : [digitsIn(partial)]), ...PLACES];
  const found = places.map((place, rank) => `(select ${String(rank)} as rank, f.addr from (${place}) f limit $2)`);
  return await db.query({
    text: `with found as (select f.addr, min(f.rank) as rank from (${found.join(' union all ')}) f group by f.addr order by 2, 1 limit $2)
           select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id) join found f using (addr)
           order by f.rank, a.addr`,
    values: [
      wanted,
      limit,
      prefixQuery(wanted),
      ...(partial === undefined ? [] : [4 * partial.digits, partial.value, [...partial.shifts]]),
    ],
    row: addressRowSchema,
  });
}
