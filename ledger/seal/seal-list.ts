import { z } from 'zod';
import { requireValid } from '../address/validate.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';

/** A seal over rows of the audit, without the hashes of the rows. */
export interface Seal {
  /** Its number. Each seal contains the hash of the one before it. */
  readonly seq: number;
  readonly epoch: number;
  /** Whether it is the first after a recovery, which may have lost seals. It seals no rows. */
  readonly isFork: boolean;
  /** How many rows of the audit it seals. */
  readonly rows: number;
  /** The id of the last audit row that was committed when it was made. */
  readonly reached: number;
  readonly sealedAt: Date;
  /** In hexadecimal digits. */
  readonly hash: string;
}

const sealRow: z.ZodType<Seal> = z
  .object({
    seq: z.int(),
    epoch: z.int(),
    is_fork: z.boolean(),
    rows: z.int(),
    reached: z.int(),
    sealed_at: z.date(),
    hash: z.string(),
  })
  .transform(({ is_fork: isFork, sealed_at: sealedAt, ...seal }) => ({ ...seal, isFork, sealedAt }));

const filterSchema = z.object({ before: z.int().min(1).optional(), limit: z.int().min(1).max(10_000) });

/** Returns the newest seals, or those below `before`, the newest first. Throws BAD_REQUEST for an invalid limit. */
export function listSeals(
  db: Queryable,
  filter: { readonly before?: number | undefined; readonly limit: number },
): Promise<Seal[]> {
  requireValid(filterSchema, filter, 'The filter of seals');
  return db.query({
    text: `select seq, epoch, is_fork, cardinality(ids) as rows, reached, sealed_at, encode(hash, 'hex') as hash
           from rock_mac.audit_seals where ($1::bigint is null or seq < $1) order by seq desc limit $2`,
    values: [filter.before, filter.limit],
    row: sealRow,
  });
}

/** How far the audit is sealed. */
export interface SealState {
  /** Absent before the first seal. */
  readonly last?: Seal | undefined;
  /** Rows of the audit that are in no seal. */
  readonly unsealed: number;
  /** Recoveries that may have lost seals. */
  readonly forks: number;
}

/** Returns how far the audit is sealed. Reads the rows that cannot be in a settled seal yet. */
export async function sealState(db: Queryable): Promise<SealState> {
  const [last] = await listSeals(db, { limit: 1 });
  const counts = await queryOne(db, {
    text: `with f as materialized (select coalesce((select s.settled from rock_mac.audit_seals s order by s.seq desc limit 1), 0) as settled)
           select (select count(*) from rock_mac.audit_log l, f where l.id > f.settled)
                - (select count(*) from rock_mac.audit_seals s, f, unnest(s.ids) i(id) where s.reached > f.settled and i.id > f.settled) as unsealed,
                  (select count(*) from rock_mac.audit_seals s where s.is_fork) as forks`,
    values: [],
    row: z.object({ unsealed: z.int(), forks: z.int() }),
  });
  return { last, ...counts };
}
