import type { Logger } from 'pino';
import type { Clock } from '../../time/clock.ts';
import type { CallOptions } from '../client/requester.ts';
import type { EventMetrics } from '../metrics.ts';

/** Sends Events one after the other, so that they do not compete with the work that they report. */
export interface EventDelivery {
  /** Adds a request to the queue, or drops it if too many wait. */
  add(send: (options: CallOptions) => Promise<unknown>): void;
  /** Waits until all are delivered, for at most 3 s. */
  stop(): Promise<void>;
}

const MAX_WAITING = 500;
const TIMEOUT_MS = 5_000;
const STOP_MS = 3_000;

export function createEventDelivery({
  clock,
  logger,
  metrics,
}: {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: EventMetrics | undefined;
}): EventDelivery {
  const waiting: ((options: CallOptions) => Promise<unknown>)[] = [];
  const stopping = new AbortController();
  let delivering: Promise<void> | undefined;

  async function deliverAll(): Promise<void> {
    for (let send = waiting.shift(); send !== undefined; send = waiting.shift()) {
      try {
        await send({ signal: stopping.signal, timeoutMs: TIMEOUT_MS });
      } catch (error) {
        metrics?.dropped?.({ reason: 'refused' });
        logger.debug({ err: error }, 'an event was not delivered');
      }
    }
  }

  return {
    add: (send) => {
      if (waiting.length >= MAX_WAITING) {
        metrics?.dropped?.({ reason: 'overflow' });
        return;
      }
      waiting.push(send);
      delivering ??= deliverAll().finally(() => {
        delivering = undefined;
      });
    },
    stop: async () => {
      const cancel = clock.after(STOP_MS, () => {
        stopping.abort();
      });
      await delivering;
      cancel();
    },
  };
}
