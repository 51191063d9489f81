/**
 * Runs the webhook's server in its own process without a ledger. It responds to every pod with a patch of the usual size.
 */
import { pino } from 'pino';
import { listen } from '../../kube/server/listen.ts';
import { createWebhookMetrics } from '../../webhook/metrics.ts';
import { createWebhookServer } from '../../webhook/server/server.ts';

const MAC = '02:00:00:00:00:01';
const { BENCH_PORT = '', BENCH_CERTIFICATE = '', BENCH_KEY = '' } = process.env;

const patch = [
  { op: 'add', path: '/metadata/annotations/k8s.v1.cni.cncf.io~1networks', value: `[{"mac":"${MAC}","name":"blue"}]` },
  {
    op: 'add',
    path: '/metadata/annotations/mac.rock-os.io~1addresses',
    value: `[{"network":"default/blue","mac":"${MAC}"}]`,
  },
] as const;

const server = createWebhookServer(
  {
    entries: {
      '/patch': () => Promise.resolve({ allowed: true, patch }),
    },
    logger: pino({ level: 'warn' }),
    metrics: createWebhookMetrics(),
    draining: () => false,
  },
  { certificate: BENCH_CERTIFICATE, key: BENCH_KEY },
);
await listen(server.https, { host: '127.0.0.1', port: Number(BENCH_PORT) });
