import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { type MacAddress, macToNumber, parseAnyMac } from '../../mac/mac-address.ts';
import { requireValid } from '../address/validate.ts';
import { storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { LedgerError } from '../errors.ts';
import { type Observation, observationColumns, observationSchema } from './observations.ts';

/** An observation as lists show it. */
export interface ListedObservation extends Observation {
  /** The name of its cluster. Absent if the ledger has forgotten the cluster. */
  readonly clusterName?: string | undefined;
  /** The pool whose range has the address. Absent if it is in none. */
  readonly pool?: string | undefined;
}

export interface ObservationFilter {
  readonly mac?: MacAddress | undefined;
  readonly pools?: readonly string[] | undefined;
  readonly clusterId?: string | undefined;
  readonly namespace?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  /** First seen at or after this time. */
  readonly since?: Date | undefined;
  /** Rows after the previous page: `observationMark` of its last row. */
  readonly after?: string | undefined;
  /** Maximum number of rows: 1 to 10,000. Default: 100. */
  readonly limit?: number | undefined;
}

const filterSchema = z.object({
  pools: z.array(storableText(63)).optional(),
  clusterId: storableText(64).optional(),
  namespace: storableText(253).optional(),
  kind: storableText(64).optional(),
  name: storableText(253).optional(),
  after: storableText(1_024).optional(),
  limit: z.int().min(1).max(10_000).optional(),
});

const markSchema = z.tuple([z.string(), storableText(64), storableText(128), storableText(512)]);

const rowSchema: z.ZodType<ListedObservation> = z
  .object({ cluster_name: z.string().nullable(), pool: z.string().nullable() })
  .loose()
  .transform(({ cluster_name, pool, ...row }) => ({
    ...observationSchema.parse(row),
    clusterName: cluster_name ?? undefined,
    pool: pool ?? undefined,
  }));

/** Returns the `after` value for the page that follows this row. */
export function observationMark({ mac, object: { clusterId, uid, nic } }: Pick<Observation, 'mac' | 'object'>): string {
  return Buffer.from(JSON.stringify([mac, clusterId, uid, nic])).toString('base64url');
}

/** Returns a page of observations, in the order of addresses. Throws BAD_REQUEST for an invalid filter. */
export function listObservations(db: Queryable, filter: ObservationFilter = {}): Promise<ListedObservation[]> {
  const { mac, since, after, limit = 100, ...texts } = filter;
  requireValid(filterSchema, { ...texts, after, limit: filter.limit }, 'The filter of observations');
  const [addr, clusterId, uid, nic] = after === undefined ? [] : readMark(after);
  return db.query({
    text: `select ${observationColumns}, (select c.name from rock_mac.clusters c where c.cluster_id = o.cluster_id) as cluster_name,
             (select p.name from rock_mac.pools p where o.addr between p.first and p.last) as pool
           from rock_mac.observations o
           where ($1::bigint is null or o.addr = $1)
             and ($2::text[] is null or exists (select from rock_mac.pools p where p.name = any ($2) and o.addr between p.first and p.last))
             and ($3::text is null or o.cluster_id = $3) and ($4::text is null or o.namespace = $4)
             and ($5::text is null or o.kind = $5) and ($6::text is null or o.name = $6)
             and ($7::timestamptz is null or o.observed_since >= $7)
             and ($8::bigint is null or (o.addr, o.cluster_id, o.uid, o.nic) > ($8, $9::text, $10::text, $11::text))
           order by o.addr, o.cluster_id, o.uid, o.nic limit $12`,
    values: [
      mac === undefined ? undefined : macToNumber(mac),
      filter.pools,
      filter.clusterId,
      filter.namespace,
      filter.kind,
      filter.name,
      since,
      addr,
      clusterId,
      uid,
      nic,
      limit,
    ],
    row: rowSchema,
  });
}

function readMark(text: string): readonly [number, string, string, string] {
  const { data } = markSchema.safeParse(parseJson(Buffer.from(text, 'base64url').toString('utf8')));
  const address = parseAnyMac(data?.[0] ?? '');
  if (data === undefined || address === undefined) {
    throw new LedgerError('BAD_REQUEST', `${JSON.stringify(text)} is not a page mark of observations`, {
      next: 'Pass the mark of the previous page, or none for the first page.',
    });
  }
  return [macToNumber(address), data[1], data[2], data[3]];
}
