import { setTimeout as sleep } from 'node:timers/promises';
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

/** How long a follower at a gap waits for transactions, which usually take some milliseconds, and how often it checks. */
const WAIT_MS = 500;
const CHECK_MS = 20;

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
  const upTo = await settledUpTo(db, after, WAIT_MS);
  if (upTo === after) return { entries: [], reached: after };
  const entries = await listAudit(db, { ...filter, between: { after, upTo }, limit });
  const last = entries.at(-1);
  return { entries, reached: entries.length < limit || last === undefined ? upTo : last.id };
}

/**
 * Returns the id to follow the audit from, for a reader who lists it afterwards: every entry up to it is in that list. The newest entry
 * can have a higher id, while a transaction that began before is still running.
 */
export async function startOfFollowing(db: Queryable): Promise<number> {
  return await settledUpTo(db, 0, 0);
}

/**
 * Returns the id up to which every entry can be seen: `after` or a higher one.
 *
 * Ids are assigned before commit, so a reader can see 7 before 6. A follower that continues after 7 would never see 6. So it stays before
 * a gap until all transactions have ended that wrote the audit when 7 was seen. Most gaps are never filled, because the transaction that
 * took the number failed.
 */
async function settledUpTo(db: Queryable, after: number, waitMs: number): Promise<number> {
  const { newest, writers, isStandby } = await readWriters(db);
  if (newest <= after) return after;
  if (writers.length === 0 && !isStandby) return newest;
  const settled = Math.max(after, await beforeFirstGap(db, after));
  if (settled >= newest) return settled;
  const endAt = performance.now() + waitMs;
  while (isStandby || (await isAnyRunning(db, writers))) {
    if (performance.now() >= endAt) return settled;
    await sleep(CHECK_MS);
  }
  return newest;
}

/**
 * Returns the newest visible id and the transactions that wrote the audit at that moment. Each locks the table before it takes an id, and
 * until its rows are visible. A standby does not know the locks of its primary.
 */
async function readWriters(db: Queryable) {
  return await queryOne(db, {
    text: `select coalesce((select max(l.id) from rock_mac.audit_log l), 0) as newest, pg_is_in_recovery() as "isStandby",
             array(select k.virtualtransaction from pg_locks k
                   where k.locktype = 'relation' and k.relation = 'rock_mac.audit_log'::regclass and k.mode = 'RowExclusiveLock' and k.granted
                     and k.database = (select d.oid from pg_database d where d.datname = current_database())
                     and k.pid is distinct from pg_backend_pid()) as writers`,
    values: [],
    row: z.object({ newest: z.int(), isStandby: z.boolean(), writers: z.array(z.string()) }),
  });
}

async function isAnyRunning(db: Queryable, transactions: readonly string[]): Promise<boolean> {
  const { running } = await queryOne(db, {
    text: 'select exists (select from pg_locks k where k.virtualtransaction = any ($1)) as running',
    values: [transactions],
    row: z.object({ running: z.boolean() }),
  });
  return running;
}

/**
 * Returns the last id before the first gap, or the newest id. Gaps are looked for in the last minute only, which is longer than any
 * transaction of the ledger except an import: no follower waits longer for one that hangs.
 */
async function beforeFirstGap(db: Queryable, after: number): Promise<number> {
  const { id } = await queryOne(db, {
    text: `select coalesce(
             (select min(recent.previous) from (
                select l.id, coalesce(lag(l.id) over (order by l.id), (select max(b.id) from rock_mac.audit_log b where b.id < l.id), 0) as previous
                from rock_mac.audit_log l where l."timestamp" > rock_mac.clock() - interval '1 minute') recent
              where recent.id > $1 and recent.id > recent.previous + 1),
             (select max(l.id) from rock_mac.audit_log l), 0) as id`,
    values: [after],
    row: z.object({ id: z.int() }),
  });
  return id;
}
