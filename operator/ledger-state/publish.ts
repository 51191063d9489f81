import type { MacPool } from '../../kube/client/mac-resources.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { publishCondition, publishException } from '../pool/conditions.ts';
import { keepLedgerOpen, type KeepLedgerOpenDeps } from './keep-ledger-open.ts';

/**
 * Keeps the ledger open as far as this cluster can. Sets the condition LedgerOpen of every MacPool, and ExpiryHeld of those
 * where it is or was true.
 */
export async function publishLedgerState(
  pools: readonly MacPool[],
  deps: KeepLedgerOpenDeps & Pick<OperatorDeps, 'metrics' | 'now'>,
): Promise<void> {
  const { open, expiryHeld } = await keepLedgerOpen(deps);
  deps.metrics.ledgerOpen(open.status === 'True');
  if (expiryHeld !== undefined) deps.metrics.expiryHeld(expiryHeld.status === 'True');
  for (const pool of pools) {
    await publishCondition(pool, { type: 'LedgerOpen', ...open }, deps);
    if (expiryHeld !== undefined) await publishException(pool, { type: 'ExpiryHeld', ...expiryHeld }, deps);
  }
}
