import type { Queryable } from '../../ledger/connection/statement.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import type { Prefixes } from '../../mac/mac-range.ts';

/**
 * Throws if this installation has another prefix than its ledger. With another prefix, resyncs would not see the addresses
 * of live pods, and the ledger would release them after their pool's period.
 */
export async function requirePrefix(ledger: Queryable, prefixes: Prefixes): Promise<void> {
  const { prefix: wanted } = await ledgerState(ledger);
  if (prefixes.some((prefix) => prefix === wanted)) return;
  throw new Error(
    `This installation has the prefix ${prefixes.join(', ')}, but its ledger has ${wanted}. Set ROCK_MAC_PREFIX (chart value prefix) to ${wanted}`,
  );
}
