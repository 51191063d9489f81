import { isSchemaMismatch } from '../../ledger/connection/schema-guard.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { ExpiryHeld } from '../../ledger/state/clock.ts';
import { listClusters, markAdopted } from '../../ledger/state/clusters.ts';
import { ledgerHeadOf } from '../../ledger/state/ledger-head.ts';
import { markReported, recoverIfBehind, recoverIfNeeded } from '../../ledger/state/recovery.ts';
import type { Closed, LedgerState } from '../../ledger/state/state.ts';
import { type ReportAddressesDeps, reportAddressesInUse } from '../resync/report-addresses-in-use.ts';
import type { LedgerHeadStore } from './ledger-head-store.ts';

export type KeepLedgerOpenDeps = ReportAddressesDeps & { readonly ledgerHeads: LedgerHeadStore };

/** The content of a condition. */
export interface LedgerCondition {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export interface LedgerConditions {
  /** Whether the ledger allocates addresses at the moment. */
  readonly open: LedgerCondition;
  /** Whether time ends nothing, because the clock of the database is not believed. Absent if the ledger cannot be read. */
  readonly expiryHeld?: LedgerCondition;
}

/**
 * Does this cluster's part in opening a ledger that failed over or was restored. Returns the conditions to publish, also
 * when the ledger is unavailable.
 *
 * Starts the recovery, even if only the stored ledger head shows that the ledger has lost rows. Then reports the addresses
 * of all live objects. A cluster that an admin excluded from a recovery is adopted again.
 */
export async function keepLedgerOpen(deps: KeepLedgerOpenDeps): Promise<LedgerConditions> {
  const { ledger, clusterId, actor, logger } = deps;
  try {
    const { state, known } = await recoverAndRead(deps);
    const { epoch } = state;
    const isCurrent = known?.adoptedAt !== undefined && known.reportedEpoch >= epoch;
    if (known === undefined || known.retiredAt !== undefined || isCurrent) return conditionsOf(state);
    const addresses = await reportAddressesInUse(known.adoptedAt === undefined ? 'initial-sync' : 'recovery', deps);
    if (known.adoptedAt === undefined) await markAdopted(ledger, { clusterId, epoch }, actor);
    const mode = await markReported(ledger, { clusterId, epoch }, actor);
    logger.info({ epoch, addresses, mode }, 'reported the addresses in use to the recovering ledger');
    return conditionsOf(await recoverIfNeeded(ledger, actor));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    if (isSchemaMismatch(error)) return { open: { status: 'False', reason: 'SchemaMismatch', message: error.message } };
    logger.debug({ err: error }, 'the ledger is unavailable');
    const message = `The ledger is unavailable (${error.code}), so no address is allocated and held addresses stay held. Check Postgres and the network path to it`;
    return { open: { status: 'Unknown', reason: 'LedgerUnavailable', message } };
  }
}

/** Starts a recovery if one is due, also if only the stored ledger head shows it. Returns the state of the ledger then, and its record of this cluster. */
export async function recoverAndRead({
  ledger,
  ledgerHeads,
  clusterId,
  actor,
}: Pick<KeepLedgerOpenDeps, 'ledger' | 'ledgerHeads' | 'clusterId' | 'actor'>) {
  const head = await ledgerHeads.read();
  const state = await (head === undefined ? recoverIfNeeded(ledger, actor) : recoverIfBehind(ledger, head, actor));
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  // A stored head also shows that the initial sync was done, so the first one is stored only after it.
  if (head !== undefined || known?.adoptedAt !== undefined) await ledgerHeads.save(ledgerHeadOf(state));
  return { state, known };
}

function conditionsOf(state: LedgerState): LedgerConditions {
  return { open: openCondition(state), expiryHeld: expiryCondition(state) };
}

function expiryCondition({ expiryHeld }: LedgerState): LedgerCondition {
  if (expiryHeld !== undefined)
    return { status: 'True', reason: closedReason(expiryHeld.why), message: expiryHeld.message };
  return {
    status: 'False',
    reason: 'ClockTrusted',
    message: 'Most operators and webhooks agree with the clock of the database',
  };
}

function openCondition({ closed }: LedgerState): LedgerCondition {
  if (closed === undefined) return { status: 'True', reason: 'Open', message: 'The ledger allocates addresses' };
  return { status: 'False', reason: closedReason(closed.why), message: closed.message };
}

/** Converts the ledger's code for why it is closed, or holds expiry, to the reason of a condition, such as `ReadOnly` for `read_only`. */
export function closedReason(why: Closed | ExpiryHeld): string {
  return why
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
