import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { OperatorMetrics } from './operator-metrics.ts';

/** The same ledger, with how long each statement took and how it ended told to the metrics. */
export function instrumentLedger(ledger: LedgerClient, metrics: Pick<OperatorMetrics, 'ledgerAsked'>): LedgerClient {
  async function timed<T>(ask: () => Promise<T>): Promise<T> {
    const started = performance.now();
    let outcome = 'ok';
    try {
      return await ask();
    } catch (error) {
      outcome = error instanceof LedgerError ? error.code : 'other';
      throw error;
    } finally {
      metrics.ledgerAsked({ outcome, durationMs: performance.now() - started });
    }
  }
  return {
    pool: ledger.pool,
    query: (statement) => timed(() => ledger.query(statement)),
    transaction: (use) => timed(() => ledger.transaction(use)),
    close: () => ledger.close(),
  };
}
