/** A webhook that says yes to everything: the server of ours, in a process of its own, with nothing behind it. */
import { pino } from 'pino';
import { listen } from '../../kube/health-server.ts';
import { createWebhookMetrics } from '../../webhook/metrics.ts';
import { createWebhookServer } from '../../webhook/server.ts';

const { BENCH_PORT = '', BENCH_CERTIFICATE = '', BENCH_KEY = '' } = process.env;

const server = createWebhookServer(
  {
    entries: { '/admit': () => Promise.resolve({ allowed: true }) },
    logger: pino({ level: 'warn' }),
    metrics: createWebhookMetrics(),
    draining: () => false,
  },
  { certificate: BENCH_CERTIFICATE, key: BENCH_KEY },
);
await listen(server.https, { host: '127.0.0.1', port: Number(BENCH_PORT) });
