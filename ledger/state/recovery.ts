import { z } from 'zod';
import { lossOf, ledgerHeadSchema, type LedgerHead } from './ledger-head.ts';
import { ledgerState, type LedgerState } from './state.ts';
import { queryOne, type Queryable } from '../connection/statement.ts';
import { requireValid } from '../address/validate.ts';

const MODES = ['open', 'recovering', 'paused'] as const;

export interface RecoverOptions {
  /** The epoch that the caller saw: of many callers at once, one starts the recovery. */
  readonly expected: number;
  /** Acknowledged answers may be missing whatever the durability says: a restored backup. */
  readonly lossy?: boolean;
  /** It opens only after `approveRecovery`, since more may be missing than a replication gap. */
  readonly needsApproval?: boolean;
  /** The highest epoch that anybody remembers, where the ledger has forgotten some. */
  readonly above?: number;
  readonly actor: string;
}

/**
 * Starts a new epoch after the database failed over or was restored, and returns the epoch that is in force
 * then. Under `quorum` the ledger is open again at once. Under `single` the addresses that may have been handed out and
 * forgotten are orphaned, and it opens when every cluster has re-asserted; without clusters, at once.
 */
export async function recover(db: Queryable, options: RecoverOptions): Promise<number> {
  const { expected, lossy = false, needsApproval = false, above = 0, actor } = options;
  const { epoch } = await queryOne(db, {
    text: `select rock_mac.recover($1, $2, $3, $4, $5) as epoch`,
    values: [expected, lossy, needsApproval, above, actor],
    row: z.object({ epoch: z.int() }),
  });
  return epoch;
}

/** The state of the ledger, after starting the recovery if the database is not the one that it was. */
export async function recoverIfNeeded(db: Queryable, actor: string): Promise<LedgerState> {
  const state = await ledgerState(db);
  if (state.closed?.why !== 'timeline_changed' && state.closed?.why !== 'system_changed') return state;
  await recover(db, { expected: state.epoch, actor });
  return ledgerState(db);
}

/**
 * As `recoverIfNeeded`, and starts the recovery also where the ledger knows less than the caller remembers. An old backup
 * that was put back file by file looks like the database that it was, and one under `quorum` like a clean failover.
 *
 * The contract: read the memory (no memory: `recoverIfNeeded`), call this, and write down `memoryOf` the state that it
 * answers. A call that throws leaves the memory as it is. Any number of callers, each with a memory of its own, may do so
 * at once: one of them starts the recovery, and one that remembers more than the recovery made up for starts another.
 */
export async function recoverIfBehind(db: Queryable, head: LedgerHead, actor: string): Promise<LedgerState> {
  requireValid(ledgerHeadSchema, head, 'What is remembered of the ledger');
  const state = await ledgerState(db);
  const loss = lossOf(state, head);
  if (loss === undefined) return recoverIfNeeded(db, actor);
  const { needsApproval } = loss;
  await recover(db, { expected: state.epoch, lossy: true, needsApproval, above: head.epoch, actor });
  return ledgerState(db);
}

export type ReportOutcome = (typeof MODES)[number] | 'wrong_epoch' | 'not_registered';

/** A cluster has written down, by `adopt`, what all its live objects carry. Answers the mode of the ledger afterwards. */
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

/** An admin's word: go on although this cluster is silent. When it comes back it has to be adopted again. */
export async function recoverWithout(
  db: Queryable,
  clusterId: string,
  actor: string,
): Promise<(typeof MODES)[number] | 'not_registered'> {
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.recover_without($1, $2) as outcome`,
    values: [clusterId, actor],
    row: z.object({ outcome: z.enum([...MODES, 'not_registered']) }),
  });
  return outcome;
}

/** An admin's word after a restore: what was handed out after the backup is known by now, or taken as lost. */
export async function approveRecovery(db: Queryable): Promise<(typeof MODES)[number]> {
  const { mode } = await queryOne(db, {
    text: `select rock_mac.approve_recovery() as mode`,
    values: [],
    row: z.object({ mode: z.enum(MODES) }),
  });
  return mode;
}
