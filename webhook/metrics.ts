import { Counter, Histogram, Registry } from '@prometheus-io/client';
import { measureCertificate } from '../kube/server/certificate-expiry.ts';
import { measureMemory } from '../process/memory-metric.ts';
import type { ReviewMetrics } from './server/server.ts';

/** The metrics of the webhook. Times are in seconds, as is usual in Prometheus. */
export interface WebhookMetrics extends ReviewMetrics {
  readonly registry: Registry;
  /** Records the expiry of the certificate that is served from now on. */
  readonly serves: ReturnType<typeof measureCertificate>;
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
  return {
    registry,
    serves,
    reviewed: ({ entry, response, durationMs }) => {
      const reason = response.allowed ? '' : response.refusal.reason;
      reviews.inc({ entry, allowed: String(response.allowed), reason });
      durations.observe({ entry }, durationMs / 1_000);
    },
  };
}
