import type { Logger } from 'pino';
import { LEDGER_API_SERVICE } from '../api/names.ts';
import { isUnavailable, removeApiService } from '../kube/client/api-service.ts';
import type { KubeClient } from '../kube/client/client.ts';
import { apiServices } from '../kube/client/core-resources.ts';
import type { Clock } from '../kube/time/clock.ts';
import { sleep } from '../kube/time/sleep.ts';

const POLL_EVERY_MS = 10_000;

/** How long the API server may say that nobody answers before that is believed. A rolling update is shorter. */
const PATIENCE_MS = 45_000;

/**
 * Removes the APIService of the read API when no operator answers behind it: every deletion of a namespace in the cluster
 * would wait for it. The webhook does it, since it lives on when the operators have died; an operator that answers again
 * makes it again.
 */
export async function guardReadApi(guarding: {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { client, logger, clock, signal } = guarding;
  for (;;) {
    await sleep(POLL_EVERY_MS, clock, signal);
    if (signal.aborted) return;
    try {
      const found = await client.find(apiServices, { name: LEDGER_API_SERVICE });
      if (found === undefined || !isUnavailable(found, clock.date().getTime(), PATIENCE_MS)) continue;
      await removeApiService(client, found);
      logger.warn({ name: LEDGER_API_SERVICE }, 'removed the read API, behind which no operator answers');
    } catch (error) {
      logger.warn({ err: error }, 'could not look after the read API, trying again');
    }
  }
}
