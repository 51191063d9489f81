import { z } from 'zod';
import { requireValid } from './address/validate.ts';
import { type AuditEntry, type AuditFilter, listAudit } from './audit.ts';
import { type Queryable, queryOne } from './connection/statement.ts';

/** New entries, the oldest first, and how far the audit was read. */
export interface FollowedAudit {
  readonly entries: readonly AuditEntry[];
  /** Every entry up to this id was read, also those that the filter leaves out. Follow from here next time. */
  readonly reached: number;
}

const afterSchema = z.int().min(0);

/**
 * Returns the entries after an id. To follow the audit, pass `reached` again and again: no entry is left out, and none is read twice.
 * Throws BAD_REQUEST for an invalid filter.
 */
export async function followAudit(
  db: Queryable,
  after: number,
  { limit = 100, ...filter }: Omit<AuditFilter, 'before' | 'between'> = {},
): Promise<FollowedAudit> {
  requireValid(afterSchema, after, 'The id to follow the audit from');
  const upTo = await settledUpTo(db, after);
  if (upTo === after) return { entries: [], reached: after };
  const entries = await listAudit(db, { ...filter, between: { after, upTo }, limit });
  const last = entries.at(-1);
  return { entries, reached: entries.length < limit || last === undefined ? upTo : last.id };
}

/**
 * Returns the id up to which every entry can be seen: `after` or a higher one.
 *
 * Ids are assigned before commit, so a reader can see 7 before 6. A follower that continues after 7 would never see 6. So it stays before
 * a gap while a running transaction may still fill it. The wait is at most one minute, which is longer than any transaction of the
 * ledger except an import. Most gaps are never filled, because the transaction that took the number failed.
 */
async function settledUpTo(db: Queryable, after: number): Promise<number> {
  const { reached } = await queryOne(db, {
    text: `select greatest($1::bigint, coalesce(
             (select min(recent.previous) from (
                select l.id, coalesce(lag(l.id) over (order by l.id), (select max(b.id) from rock_mac.audit_log b where b.id < l.id), 0) as previous
                from rock_mac.audit_log l where l."timestamp" > rock_mac.clock() - interval '1 minute') recent
              where recent.id > $1 and recent.id > recent.previous + 1
                and age(pg_snapshot_xmin(pg_current_snapshot())::xid) > 0), -- 0: nothing is at work
             (select max(l.id) from rock_mac.audit_log l))) as reached`,
    values: [after],
    row: z.object({ reached: z.int() }),
  });
  return reached;
}
