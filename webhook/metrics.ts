import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';
import { measureCertificate } from '../kube/server/certificate-expiry.ts';
import { measureStatements } from '../ledger/connection/measure-statements.ts';
import { measureMemory } from '../process/memory-metric.ts';
import type { ReviewMetrics } from './server/server.ts';
import type { StockLevel } from './stock/stock.ts';

/** The metrics of the webhook. Times are in seconds, as is usual in Prometheus. */
export interface WebhookMetrics extends ReviewMetrics {
  readonly registry: Registry;
  /** Records the expiry of the certificate that is served from now on. */
  readonly serves: ReturnType<typeof measureCertificate>;
  /** Wraps the ledger client, whose statements are measured then. */
  readonly measureLedger: ReturnType<typeof measureStatements>;
  /** Counts a pod that was answered from the stock of a pool. */
  readonly answeredFromStock: (pool: string) => void;
  /** Reports the stock of this process at each scrape. */
  readonly measureStock: (levels: () => readonly StockLevel[]) => void;
}

export function createWebhookMetrics(): WebhookMetrics {
  const registry = new Registry();
  measureMemory(registry);
  const reviews = new Counter({
    name: 'rockmac_admission_reviews_total',
    help: 'Admission reviews, by entry, result and reason of the refusal.',
    labelNames: ['entry', 'allowed', 'reason'],
    registers: [registry],
  });
  const serves = measureCertificate(registry);
  const durations = new Histogram({
    name: 'rockmac_admission_review_duration_seconds',
    help: 'Time from the request of the API server to the response.',
    labelNames: ['entry'],
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 3, 5],
    registers: [registry],
  });
  const answers = new Counter({
    name: 'rockmac_stock_answers_total',
    help: 'Pods that got their addresses from the stock of this process.',
    labelNames: ['pool'],
    registers: [registry],
  });
  return {
    registry,
    serves,
    measureLedger: measureStatements(registry),
    answeredFromStock: (pool) => {
      answers.inc({ pool });
    },
    measureStock: (levels) => {
      measureStock(registry, levels);
    },
    accepting: (entry) => {
      reviews.inc({ entry, allowed: 'false', reason: 'ServiceUnavailable' }, 0);
    },
    reviewed: ({ entry, response, durationMs }) => {
      const reason = response.allowed ? '' : response.refusal.reason;
      reviews.inc({ entry, allowed: String(response.allowed), reason });
      durations.observe({ entry }, durationMs / 1_000);
    },
  };
}

function measureStock(registry: Registry, levels: () => readonly StockLevel[]): void {
  const gauge = (name: string, help: string, value: (level: StockLevel) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['pool'],
      registers: [registry],
      collect() {
        this.reset(); // a pool that is not used any more must not keep its last value
        for (const level of levels()) this.set({ pool: level.pool }, value(level));
      },
    });
  gauge('rockmac_stock_addresses', 'Addresses that this process may answer with.', ({ ready }) => ready);
  gauge(
    'rockmac_stock_covers_seconds',
    'For how long the stock of this process lasts at the average rate of the last hour.',
    ({ coversMs }) => coversMs / 1_000,
  );
}
