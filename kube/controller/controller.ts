import type { Logger } from 'pino';
import { backoffMs, type BackoffOptions } from '../time/backoff.ts';
import { systemClock, type Clock } from '../time/clock.ts';
import { isConflict } from '../client/errors.ts';
import type { ControllerMetrics } from '../metrics.ts';
import { sleep } from '../time/sleep.ts';
import { createWorkQueue } from './work-queue.ts';

/** What a reconcile answers: to look again after so many milliseconds, which is no failure; or nothing. */
export type Result = { readonly requeueAfterMs?: number | undefined } | undefined;

/**
 * Brings what the key names to its right state. Without a requeue it is called again only when somebody adds the key;
 * after a throw, following a back-off that grows with each throw in a row. The signal fires when the controller cannot
 * wait any longer for it; a throw because of that is no failure.
 */
export type Reconcile =
  ((key: string, signal: AbortSignal) => Promise<Result>) | ((key: string, signal: AbortSignal) => Promise<void>);

/** Drives keys to their right state. Level-triggered: a key says where to look, never what happened. */
export interface Controller {
  /** Keys may be added before; they wait. */
  start(): void;
  /**
   * Begins nothing new and waits for what runs; after `graceMs` its signal fires, and it is waited for a moment more,
   * then left alone. Resolves to whether all of it ended.
   */
  stop(): Promise<boolean>;
  enqueue(key: string): void;
  enqueueAfter(key: string, ms: number): void;
  /** Keys that are due and not in work. */
  readonly depth: number;
}

export interface ControllerOptions {
  readonly name: string;
  readonly concurrency: number;
  readonly reconcile: Reconcile;
  /** Between throws for one key. Default 50 ms to 60 s. */
  readonly backoff?: BackoffOptions | undefined;
  /** Default 20,000 ms: within the 30 s that Kubernetes gives a pod to end, with room for the rest. */
  readonly graceMs?: number | undefined;
  readonly logger: Logger;
  readonly metrics?: ControllerMetrics | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** What a reconcile gets to end after its signal fired. */
const abortGraceMs = 2_000;

export function createController(options: ControllerOptions): Controller {
  const { name, concurrency, reconcile, metrics, graceMs = 20_000 } = options;
  const { backoff = { baseMs: 50, maxMs: 60_000 }, clock = systemClock, random = Math.random } = options;
  const logger = options.logger.child({ controller: name });
  const queue = createWorkQueue({ name, concurrency, clock, metrics });
  const controller = new AbortController();
  /** Throws in a row, by key. */
  const failures = new Map<string, number>();

  async function work(key: string): Promise<void> {
    const started = clock.now();
    const outcome = await attempt(key);
    metrics?.reconciled?.({ name, outcome, durationMs: clock.now() - started });
  }

  async function attempt(key: string): Promise<'success' | 'requeue' | 'error'> {
    try {
      const result = await reconcile(key, controller.signal);
      failures.delete(key);
      if (typeof result !== 'object' || result.requeueAfterMs === undefined) return 'success';
      queue.addAfter(key, result.requeueAfterMs);
      return 'requeue';
    } catch (error) {
      if (controller.signal.aborted) return 'error';
      const failed = failures.get(key) ?? 0;
      failures.set(key, failed + 1);
      const delayMs = backoffMs(failed, backoff, random);
      // A conflict is the ordinary way to learn that our copy was old.
      const level = isConflict(error) ? 'debug' : 'warn';
      logger[level]({ err: error, key, failures: failed + 1, delayMs }, 'reconcile failed, trying again');
      queue.addAfter(key, delayMs);
      return 'error';
    }
  }

  return {
    start: () => {
      queue.start(work);
    },
    stop: async () => {
      const timers = new AbortController();
      const ended = queue.stop().then(() => true);
      const within = (ms: number): Promise<boolean> =>
        Promise.race([ended, sleep(ms, clock, timers.signal).then(() => false)]);
      try {
        if (await within(graceMs)) return true;
        logger.warn({ running: queue.inWork }, 'breaking off what still runs');
        controller.abort();
        return await within(abortGraceMs);
      } finally {
        timers.abort();
      }
    },
    enqueue: (key) => {
      queue.add(key);
    },
    enqueueAfter: (key, ms) => {
      queue.addAfter(key, ms);
    },
    get depth() {
      return queue.depth;
    },
  };
}
