import { Histogram, type Registry } from '@prometheus-io/client';
import { LedgerError } from '../errors.ts';
import type { LedgerClient } from './connect.ts';

/** Upper bounds in seconds, from a fast statement to the longest time limit of one. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * Registers the metric of statements. Returns a function that wraps a ledger client, so that the metric records the duration and
 * the outcome of each statement and each transaction.
 */
export function measureStatements(registry: Registry): (ledger: LedgerClient) => LedgerClient {
  const durations = new Histogram({
    name: 'rockmac_ledger_statement_duration_seconds',
    help: 'Duration of statements on the ledger, by outcome: ok, or the code of the error.',
    labelNames: ['outcome'],
    buckets: BUCKETS,
    registers: [registry],
  });

  async function measure<T>(run: () => Promise<T>): Promise<T> {
    const started = performance.now();
    let outcome = 'ok';
    try {
      return await run();
    } catch (error) {
      outcome = error instanceof LedgerError ? error.code : 'other';
      throw error;
    } finally {
      durations.observe({ outcome }, (performance.now() - started) / 1_000);
    }
  }

  return (ledger) => ({
    connections: ledger.connections,
    query: (statement) => measure(() => ledger.query(statement)),
    transaction: (use) => measure(() => ledger.transaction(use)),
    close: () => ledger.close(),
  });
}
