import { Gauge, Histogram, type Registry } from '@prometheus-io/client';
import { DURATION_BUCKETS } from './kube-metrics.ts';

/** Metrics of the ledger as the operator sees it. */
export interface LedgerMetrics {
  ledgerOpen(open: boolean): void;
  /** Records one statement or one transaction. The outcome is `ok`, or the code of the error. */
  statementEnded(statement: { readonly outcome: string; readonly durationMs: number }): void;
}

export function registerLedgerMetrics(registry: Registry): LedgerMetrics {
  const registers = [registry];
  const open = new Gauge({
    name: 'rockmac_ledger_open',
    help: 'Whether the ledger allocates addresses: 1 or 0. Also 0 while the ledger is unavailable.',
    registers,
  });
  const statements = new Histogram({
    name: 'rockmac_ledger_statement_duration_seconds',
    help: 'Duration of statements on the ledger, by outcome: ok, or the code of the error.',
    labelNames: ['outcome'],
    buckets: DURATION_BUCKETS,
    registers,
  });
  return {
    ledgerOpen: (isOpen) => {
      open.set(isOpen ? 1 : 0);
    },
    statementEnded: ({ outcome, durationMs }) => {
      statements.observe({ outcome }, durationMs / 1_000);
    },
  };
}
