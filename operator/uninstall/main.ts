import { pino } from 'pino';
import { z } from 'zod';
import { processEnvironment, readEnvironment } from '../../api/environment.ts';
import { createKubeClient } from '../../kube/client/client.ts';
import { systemClock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { prepareUninstall } from './uninstall.ts';

const { ROCK_MAC_NAMESPACE, ROCK_MAC_LOG_LEVEL, KUBECONFIG } = processEnvironment;

/** Runs once, before the installation is removed. Does not use the ledger, which may no longer exist. */
try {
  const config = readEnvironment(z.object({ ROCK_MAC_NAMESPACE, ROCK_MAC_LOG_LEVEL, KUBECONFIG }), process.env);
  const logger = pino({ name: 'rock-mac-uninstall', level: config.ROCK_MAC_LOG_LEVEL });
  const client = createKubeClient({ userAgent: 'rock-mac-uninstall', kubeconfig: config.KUBECONFIG, logger });
  const counts = await prepareUninstall({
    client,
    namespace: config.ROCK_MAC_NAMESPACE,
    logger,
    pause: (ms) => sleep(ms, systemClock),
  });
  await client.close();
  logger.info(counts, 'mirrors are gone; claims, pools and the ledger stay');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
