import { type AnchorResult, type Anchors, compareAnchors, lastAnchor, withAnchor } from '../../ledger/seal/anchor.ts';
import { sealAudit } from '../../ledger/seal/seal.ts';
import { lossOf } from '../../ledger/state/ledger-head.ts';
import { type Closed, ledgerState } from '../../ledger/state/state.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { LedgerHeadStore } from './ledger-head-store.ts';

export type SealAndAnchorDeps = Pick<OperatorDeps, 'ledger' | 'logger' | 'now'> & {
  readonly metrics: Pick<OperatorDeps['metrics'], 'auditSealed' | 'anchorsPresent'>;
  readonly ledgerHeads: LedgerHeadStore;
  readonly signal?: AbortSignal;
};

/**
 * Seals the audit, compares the ledger with the anchors of this cluster, and stores the last seal as an anchor. As long as
 * an anchor is missing, none is stored: what was rewritten would count as the truth from then on.
 *
 * Waits while the ledger is behind its stored head or failed over, because the recovery explains what is missing.
 */
export async function sealAndAnchor(deps: SealAndAnchorDeps): Promise<void> {
  const { ledger, ledgerHeads, metrics, now, signal } = deps;
  const began = now();
  const state = await ledgerState(ledger);
  if (AWAITS_RECOVERY.some((why) => why === state.closed?.why)) return;
  await sealAudit(ledger, signal);
  if (signal?.aborted === true) return;
  metrics.auditSealed(began);

  const head = await ledgerHeads.read();
  // The first head says that the initial sync is done, and the anchors are stored beside it.
  if (head === undefined || lossOf(state, head) !== undefined) return;
  await compareAndStore(state.ledgerId, deps);
}

/** A standby cannot seal, and after a failover the recovery marks where the seals fork. */
const AWAITS_RECOVERY: readonly Closed[] = ['read_only', 'timeline_changed', 'system_changed'];

async function compareAndStore(ledgerId: string, deps: SealAndAnchorDeps): Promise<void> {
  const { ledger, ledgerHeads, logger, metrics } = deps;
  const kept = await ledgerHeads.readAnchors();
  const problem = await problemOf(kept, ledgerId, deps);
  metrics.anchorsPresent(problem === undefined);
  if (problem !== undefined) {
    logger.error({ problem }, 'the audit of the ledger was changed: compare it with a backup, and see docs/audit.md');
    return;
  }
  const last = await lastAnchor(ledger);
  const anchors = kept?.anchors ?? [];
  if (last === undefined || anchors.at(-1)?.hash === last.hash) return;
  await ledgerHeads.saveAnchors({ ledgerId, anchors: withAnchor(anchors, last) });
}

/** Returns what the anchors show to be wrong. Logs what a recovery explains, when the first seal after it is seen. */
async function problemOf(
  kept: Anchors | undefined,
  ledgerId: string,
  { ledger, logger }: Pick<SealAndAnchorDeps, 'ledger' | 'logger'>,
): Promise<string | undefined> {
  if (kept === undefined) return undefined;
  if (kept.ledgerId !== ledgerId) return `The anchors belong to ledger ${kept.ledgerId}, and this is ${ledgerId}.`;
  const results = await compareAnchors(ledger, kept.anchors);
  const newest = results.at(-1);
  if (newest?.outcome === 'lost') logger.warn({ problem: newest.message }, 'a recovery lost seals of the audit');
  return results.find(isMissing)?.message;
}

function isMissing({ outcome }: AnchorResult): boolean {
  return outcome === 'missing';
}
