import { Histogram, type Registry } from 'prom-client';

/** Told of each request that was answered. */
export type ReadApiMetrics = (answered: {
  readonly route: string;
  readonly code: number;
  readonly durationMs: number;
}) => void;

export function createReadApiMetrics(registry: Registry): ReadApiMetrics {
  const requests = new Histogram({
    name: 'rockmac_read_api_request_duration_seconds',
    help: 'Duration of requests to the read API, by route and HTTP status.',
    labelNames: ['route', 'code'],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  return ({ route, code, durationMs }) => {
    requests.observe({ route, code: String(code) }, durationMs / 1_000);
  };
}
