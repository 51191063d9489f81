import type { MacPool } from '../../kube/client/mac-resources.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { setPoolCondition } from '../pool/conditions.ts';
import { keepLedgerOpen, type KeepLedgerOpenDeps } from './keep-ledger-open.ts';

const LEDGER_OPEN = 'LedgerOpen';

/** Keeps the ledger open as far as this cluster can, and sets the condition LedgerOpen of every MacPool. */
export async function publishLedgerState(
  pools: readonly MacPool[],
  deps: KeepLedgerOpenDeps & Pick<OperatorDeps, 'metrics' | 'now'>,
): Promise<void> {
  const condition = await keepLedgerOpen(deps);
  deps.metrics.ledgerOpen(condition.status === 'True');
  for (const { metadata, status } of pools) {
    const published = findCondition(status?.conditions ?? [], LEDGER_OPEN);
    if (published?.reason === condition.reason && published.message === condition.message) continue;
    await setPoolCondition(metadata.name, { type: LEDGER_OPEN, ...condition }, deps);
  }
}
