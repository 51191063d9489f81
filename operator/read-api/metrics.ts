import { Histogram, type Registry } from '@prometheus-io/client';
import { measureCertificate } from '../../kube/server/certificate-expiry.ts';

export interface ReadApiMetrics {
  /** Records a handled request. */
  requestHandled(request: { readonly route: string; readonly code: number; readonly durationMs: number }): void;
  /** Records the expiry of the current serving certificate. */
  readonly serves: ReturnType<typeof measureCertificate>;
}

export function createReadApiMetrics(registry: Registry): ReadApiMetrics {
  const requests = new Histogram({
    name: 'rockmac_read_api_request_duration_seconds',
    help: 'Duration of requests to the read API, by route and HTTP status.',
    labelNames: ['route', 'code'],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  return {
    requestHandled: ({ route, code, durationMs }) => {
      requests.observe({ route, code: String(code) }, durationMs / 1_000);
    },
    serves: measureCertificate(registry),
  };
}
