import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { LedgerMetrics } from './ledger-metrics.ts';

/** Wraps a ledger client so that the metrics record the duration and the outcome of each statement. */
export function instrumentLedger(ledger: LedgerClient, metrics: Pick<LedgerMetrics, 'statementEnded'>): LedgerClient {
  async function measure<T>(run: () => Promise<T>): Promise<T> {
    const started = performance.now();
    let outcome = 'ok';
    try {
      return await run();
    } catch (error) {
      outcome = error instanceof LedgerError ? error.code : 'other';
      throw error;
    } finally {
      metrics.statementEnded({ outcome, durationMs: performance.now() - started });
    }
  }
  return {
    connections: ledger.connections,
    query: (statement) => measure(() => ledger.query(statement)),
    transaction: (use) => measure(() => ledger.transaction(use)),
    close: () => ledger.close(),
  };
}
