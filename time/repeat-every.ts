import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import { sleep } from './sleep.ts';

/**
 * Runs a task `everyMs` milliseconds after its last run, until the signal fires. The first run is not at once, because whoever
 * starts it has just done the task. A failure is only logged, and the next run follows as usual. Never rejects.
 */
export async function repeatEvery(
  everyMs: number,
  what: string,
  run: () => Promise<unknown>,
  { logger, clock, signal }: { readonly logger: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  for (;;) {
    await sleep(everyMs, clock, signal);
    if (signal.aborted) return;
    try {
      await run();
    } catch (error) {
      logger.debug({ err: error, what }, 'not possible now, trying again later');
    }
  }
}
