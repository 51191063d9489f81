import { z } from 'zod';
import { requireReason } from '../address/reason.ts';
import { requireValid } from '../address/validate.ts';
import { inSteps } from '../connection/in-steps.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';
import { setStockAside } from '../stock/stock.ts';
import { type LedgerHead, ledgerHeadSchema, lossOf } from './ledger-head.ts';
import { type LedgerState, ledgerState } from './state.ts';

const MODES = ['open', 'recovering', 'paused'] as const;

export interface RecoverOptions {
  /** The epoch that the caller saw. Of many concurrent callers, one starts the recovery. */
  readonly expected: number;
  /** Acknowledged allocations may be missing whatever the durability is, for example after a restore. */
  readonly lossy?: boolean;
  /** The ledger opens only after `approveRecovery`, because more may be missing than the replication gap. */
  readonly needsApproval?: boolean;
  /** The highest epoch that anyone has stored, if the ledger has lost some. */
  readonly above?: number;
  readonly actor: string;
}

/**
 * Starts a new epoch after a failover or a restore, and returns the current epoch. Under `quorum` the ledger opens at
 * once. Under `single`, addresses that may have been handed out and forgotten are orphaned. The ledger then opens when
 * every cluster has reported its addresses in use; without clusters, at once.
 */
export async function recover(db: Queryable, options: RecoverOptions): Promise<number> {
  const { expected, lossy = false, needsApproval = false, above = 0, actor } = options;
  const { epoch } = await queryOne(db, {
    text: `select rock_mac.recover($1, $2, $3, $4, $5) as epoch`,
    values: [expected, lossy, needsApproval, above, actor],
    row: z.object({ epoch: z.int() }),
  });
  await finishRecovery(db, actor);
  return epoch;
}

/**
 * Does what a recovery does in steps. Another caller goes on if this one dies. The ledger opens at the end if it waits for nothing
 * else. Does nothing in any other state.
 */
export async function finishRecovery(db: Queryable, actor: string): Promise<void> {
  await inSteps(db, { text: `select rock_mac.renew_in_recovery() as count`, values: [] });
  await setStockAside(db, actor);
}

/** Returns the state of the ledger. Starts a recovery if the database has changed, or goes on with one whose caller has died. */
export async function recoverIfNeeded(db: Queryable, actor: string): Promise<LedgerState> {
  const state = await ledgerState(db);
  switch (state.closed?.why) {
    case 'timeline_changed':
    case 'system_changed':
      await recover(db, { expected: state.epoch, actor });
      return ledgerState(db);
    case 'recovering':
      await finishRecovery(db, actor);
      return ledgerState(db);
    default:
      return state;
  }
}

/**
 * Like `recoverIfNeeded`, but also recovers if the ledger is behind the caller's stored head. A backup restored file by
 * file looks like the original database, and under `quorum` like a clean failover.
 *
 * Read the stored head, call this, then store `ledgerHeadOf` of the returned state. Without a stored head, use
 * `recoverIfNeeded`. If the call throws, keep the stored head. Callers with different heads may call this at the same
 * time. One of them starts the recovery. A caller whose head is further ahead than that recovery covers starts another.
 */
export async function recoverIfBehind(db: Queryable, head: LedgerHead, actor: string): Promise<LedgerState> {
  requireValid(ledgerHeadSchema, head, 'The stored head of the ledger');
  const state = await ledgerState(db);
  const loss = lossOf(state, head);
  if (loss === undefined) return recoverIfNeeded(db, actor);
  const { needsApproval } = loss;
  await recover(db, { expected: state.epoch, lossy: true, needsApproval, above: head.epoch, actor });
  return ledgerState(db);
}

export type ReportOutcome = (typeof MODES)[number] | 'wrong_epoch' | 'not_registered';

/**
 * Records that a cluster has reported, through `adopt`, all its addresses in use. Returns the mode of the ledger
 * afterwards.
 */
export async function markReported(
  db: Queryable,
  cluster: { readonly clusterId: string; readonly epoch: number },
  actor: string,
): Promise<ReportOutcome> {
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.mark_reported($1, $2, $3) as outcome`,
    values: [cluster.clusterId, cluster.epoch, actor],
    row: z.object({ outcome: z.enum([...MODES, 'wrong_epoch', 'not_registered']) }),
  });
  return outcome;
}

/**
 * Lets the ledger open without a silent cluster, by decision of an admin. That cluster needs an initial sync when it
 * returns.
 */
export async function recoverWithout(
  db: Queryable,
  clusterId: string,
  actor: string,
  reason = '',
): Promise<(typeof MODES)[number] | 'not_registered'> {
  requireReason(reason);
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.recover_without($1, $2, $3) as outcome`,
    values: [clusterId, actor, reason],
    row: z.object({ outcome: z.enum([...MODES, 'not_registered']) }),
  });
  return outcome;
}

/** Lets a restored ledger open, by decision of an admin: allocations after the backup are known by now, or lost. */
export async function approveRecovery(
  db: Queryable,
  { actor, reason = '' }: { readonly actor?: string | undefined; readonly reason?: string | undefined } = {},
): Promise<(typeof MODES)[number]> {
  requireReason(reason);
  const { mode, login } = await queryOne(db, {
    text: `select rock_mac.approve_recovery(coalesce($1, session_user), $2) as mode, session_user::text as login`,
    values: [actor, reason],
    row: z.object({ mode: z.enum(MODES), login: z.string() }),
  });
  if (mode !== 'recovering') return mode;
  await finishRecovery(db, login);
  const row = z.object({ mode: z.enum(MODES) });
  return (await queryOne(db, { text: `select mode from rock_mac.ledger_state`, values: [], row })).mode;
}

interface FreeGapOptions {
  readonly pool?: string | undefined;
  readonly actor: string;
  readonly reason?: string | undefined;
}

/**
 * Frees addresses that a failover set aside and that nobody uses, and returns their number. Without a pool: of every pool
 * where that is certain, because all clusters have compared their objects since, and no device ever used the pool. With a
 * pool: because an admin decided so. What holders of stock have not dropped yet stays (`undroppedStock`).
 */
export async function freeGap(
  db: Queryable,
  { pool, actor, reason = 'nobody used it after the failover' }: FreeGapOptions,
): Promise<number> {
  requireReason(reason);
  const { freed } = await queryOne(db, {
    text: `select rock_mac.free_gap($1, $2, $3) as freed`,
    values: [pool, actor, reason],
    row: z.object({ freed: z.int() }),
  });
  return freed;
}
