import { findCondition } from '../../kube/controller/conditions.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { keepLedgerOpen } from './keep-ledger-open.ts';
import { setPoolCondition } from '../pool/set-condition.ts';
import type { MacPool } from '../../kube/client/mac-resources.ts';

const LEDGER_OPEN = 'LedgerOpen';

/** Keeps the ledger open as far as this cluster can, and shows on every MacPool whether it is and what to do if not. */
export async function publishLedger(pools: readonly MacPool[], context: OperatorDeps): Promise<void> {
  const decision = await keepLedgerOpen(context);
  context.metrics.ledgerOpen(decision.status === 'True');
  for (const { metadata, status } of pools) {
    const shown = findCondition(status?.conditions ?? [], LEDGER_OPEN);
    if (shown?.reason === decision.reason && shown.message === decision.message) continue;
    await setPoolCondition(metadata.name, { type: LEDGER_OPEN, ...decision }, context);
  }
}
