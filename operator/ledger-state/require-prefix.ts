import { ledgerState } from '../../ledger/state/state.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';

/**
 * Throws where this installation has another prefix than its ledger. It would take the addresses of living pods for those of
 * somebody else, so that the ledger gave them back as unused when the period of their pool is over.
 */
export async function requirePrefix(ledger: Queryable, prefix: MacPrefix): Promise<void> {
  const { prefix: wanted } = await ledgerState(ledger);
  if (wanted === prefix) return;
  throw new Error(
    `This installation has the prefix ${prefix} (ROCK_MAC_PREFIX, the chart's value prefix), its ledger ${wanted}: set that`,
  );
}
