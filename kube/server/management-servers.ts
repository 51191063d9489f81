import type { Logger } from 'pino';
import { systemClock } from '../../time/clock.ts';
import type { KubeClient } from '../client/client.ts';
import { startHealthServer } from './health-server.ts';
import { type MetricsServerOptions, startMetricsServer } from './metrics-server.ts';

export interface ManagementServersOptions {
  readonly host: string;
  readonly healthPort: number;
  readonly metricsPort: number;
  /** The audience of the scrapers' tokens; undefined means that of the API server. */
  readonly metricsAudience: string | undefined;
  /** What the process waits for; empty means ready. */
  readonly notReady: () => readonly string[];
  readonly registry: MetricsServerOptions['registry'];
  readonly client: KubeClient;
  readonly logger: Logger;
}

/** The servers through which a process is supervised: its probes, and its metrics. */
export interface ManagementServers {
  readonly healthPort: number;
  close(): Promise<void>;
}

export async function startManagementServers(options: ManagementServersOptions): Promise<ManagementServers> {
  const { host, healthPort, metricsPort, metricsAudience, notReady, registry, client, logger } = options;
  const health = await startHealthServer({ host, port: healthPort, notReady, logger });
  const metrics = await startMetricsServer({
    ...{ host, port: metricsPort, audience: metricsAudience },
    ...{ client, clock: systemClock, logger, registry },
  });
  return {
    healthPort: health.port,
    close: async () => {
      await metrics.close();
      await health.close();
    },
  };
}
