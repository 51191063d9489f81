import type { Logger } from 'pino';
import { LEDGER_API_SERVICE } from '../api/names.ts';
import { isUnavailable, removeApiService } from '../kube/client/api-service.ts';
import type { KubeClient } from '../kube/client/client.ts';
import { apiServices } from '../kube/client/core-resources.ts';
import type { Clock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';

const POLL_MS = 10_000;

/** How long the APIService has to be unavailable before it is removed. A rolling update is shorter. */
const UNAVAILABLE_MS = 45_000;

/**
 * Removes the APIService of the read API when no operator serves it, because it would block every deletion of a namespace in
 * the cluster. The webhook does this because it survives when the operators have died. An operator that serves the read
 * API again creates the APIService again.
 */
export async function guardReadApi(deps: {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { client, logger, clock, signal } = deps;
  for (;;) {
    await sleep(POLL_MS, clock, signal);
    if (signal.aborted) return;
    try {
      const found = await client.find(apiServices, { name: LEDGER_API_SERVICE });
      if (found === undefined || !isUnavailable(found, clock.date().getTime(), UNAVAILABLE_MS)) continue;
      await removeApiService(client, found);
      logger.warn({ name: LEDGER_API_SERVICE }, 'removed the read API because no operator serves it');
    } catch (error) {
      logger.warn({ err: error }, 'could not check the read API, trying again');
    }
  }
}
