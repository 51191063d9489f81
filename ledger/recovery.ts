import { z } from 'zod';
import { ledgerState, type LedgerState } from './state.ts';
import { queryOne, type Queryable } from './statement.ts';

const MODES = ['open', 'recovering', 'paused'] as const;

export interface RecoverOptions {
  /** The incarnation that the caller saw: of many callers at once, one starts the recovery. */
  readonly expected: number;
  /** Acknowledged answers may be missing whatever the durability says: a restored backup. */
  readonly lossy?: boolean;
  /** It opens only after `approveRecovery`, since more may be missing than a lost tail. */
  readonly needsApproval?: boolean;
  readonly actor: string;
}

/**
 * Starts a new incarnation after the database failed over or was restored, and returns the incarnation that is in force
 * then. Under `quorum` the ledger is open again at once. Under `single` the addresses that may have been handed out and
 * forgotten are orphaned, and it opens when every cluster has re-asserted; without clusters, at once.
 */
export async function recover(db: Queryable, options: RecoverOptions): Promise<number> {
  const { expected, lossy = false, needsApproval = false, actor } = options;
  const { incarnation } = await queryOne(db, {
    text: `select rock_mac.recover($1, $2, $3, $4) as incarnation`,
    values: [expected, lossy, needsApproval, actor],
    row: z.object({ incarnation: z.int() }),
  });
  return incarnation;
}

/** The state of the ledger, after starting the recovery if the database is not the one that it was. */
export async function recoverIfNeeded(db: Queryable, actor: string): Promise<LedgerState> {
  const state = await ledgerState(db);
  if (state.closed?.why !== 'timeline_changed' && state.closed?.why !== 'system_changed') return state;
  await recover(db, { expected: state.incarnation, actor });
  return ledgerState(db);
}

export type ReassertOutcome = (typeof MODES)[number] | 'wrong_incarnation' | 'not_registered';

/** A cluster has written down, by `adopt`, what all its live objects carry. Answers the mode of the ledger afterwards. */
export async function reasserted(
  db: Queryable,
  cluster: { readonly clusterId: string; readonly incarnation: number },
  actor: string,
): Promise<ReassertOutcome> {
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.reasserted($1, $2, $3) as outcome`,
    values: [cluster.clusterId, cluster.incarnation, actor],
    row: z.object({ outcome: z.enum([...MODES, 'wrong_incarnation', 'not_registered']) }),
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
