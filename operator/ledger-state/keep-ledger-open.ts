import { LedgerError } from '../../ledger/errors.ts';
import { listClusters, markAdopted } from '../../ledger/state/clusters.ts';
import { ledgerHeadOf } from '../../ledger/state/ledger-head.ts';
import { isMisfit } from '../../ledger/connection/schema-guard.ts';
import { markReported, recoverIfBehind, recoverIfNeeded } from '../../ledger/state/recovery.ts';
import type { Closed, LedgerState } from '../../ledger/state/state.ts';
import { reportAddressesInUse } from '../resync/report-addresses-in-use.ts';
import type { OperatorDeps } from '../dependencies.ts';

/** Whether the ledger hands out addresses at this moment, in the words of a condition. */
export interface LedgerCondition {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/**
 * Does this cluster's part in opening a ledger that failed over or was restored: starts the recovery, also where only this
 * cluster remembers that the ledger once knew more; writes down again what every live object carries, and says so. A
 * cluster that an admin went on without is adopted anew. Answers what to show; the ledger being away is an answer too.
 */
export async function keepLedgerOpen(context: OperatorDeps): Promise<LedgerCondition> {
  const { ledger, clusterId, actor, logger } = context;
  try {
    const { state, known } = await look(context);
    const { epoch } = state;
    const isCurrent = known?.adoptedAt !== undefined && known.reportedEpoch >= epoch;
    if (known === undefined || known.retiredAt !== undefined || isCurrent) return ledgerConditionOf(state);
    const addresses = await reportAddressesInUse('carried after a recovery of the ledger', context);
    if (known.adoptedAt === undefined) await markAdopted(ledger, { clusterId, epoch }, actor);
    const mode = await markReported(ledger, { clusterId, epoch }, actor);
    logger.info({ epoch, addresses, mode }, 'told the ledger again what this cluster carries');
    return ledgerConditionOf(await recoverIfNeeded(ledger, actor));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    if (isMisfit(error)) return { status: 'False', reason: 'SchemaMismatch', message: error.message };
    logger.debug({ err: error }, 'the ledger is away');
    const message = `The ledger cannot be asked (${error.code}): nothing is handed out, what is held stays. Check Postgres and the way to it`;
    return { status: 'Unknown', reason: 'LedgerUnavailable', message };
  }
}

/** The ledger after its recovery was begun, where one is due, and what it knows of this cluster. */
async function look({ ledger, ledgerHeads, clusterId, actor }: OperatorDeps) {
  const head = await ledgerHeads.recall();
  const looking = head === undefined ? recoverIfNeeded(ledger, actor) : recoverIfBehind(ledger, head, actor);
  const state = await looking;
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  // That there is a memory also tells that initial sync was made.
  if (head !== undefined || known?.adoptedAt !== undefined) await ledgerHeads.remember(ledgerHeadOf(state));
  return { state, known };
}

function ledgerConditionOf({ closed }: LedgerState): LedgerCondition {
  if (closed === undefined) return { status: 'True', reason: 'Open', message: 'The ledger hands out addresses' };
  return { status: 'False', reason: closedReason(closed.why), message: closed.message };
}

/** The ledger's word for why it is closed, as reasons of conditions are written. */
export function closedReason(why: Closed): string {
  return why
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
