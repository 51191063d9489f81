import type { Logger } from 'pino';
import { backoffCeilingMs, backoffMs, type BackoffOptions } from '../../time/backoff.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { isConflict } from '../client/errors.ts';
import type { ControllerMetrics } from '../metrics.ts';
import { createWorkQueue } from './work-queue.ts';

/**
 * The result of a reconcile that has to run again although nothing failed: once after a time, or as a poll. The delay of a
 * poll doubles with each consecutive one, so a state that lasts for weeks costs next to nothing.
 */
export type ReconcileResult =
  { readonly requeueAfterMs?: number | undefined; readonly poll?: BackoffOptions | undefined } | undefined;

/**
 * Brings the object of a key to its desired state. Without a requeue it runs again only when the key is enqueued. After an
 * error it runs again after a backoff that grows with each consecutive error. The signal fires when a stopping controller
 * cannot wait any longer; an error after that does not count as a failure.
 */
export type Reconcile =
  | ((key: string, signal: AbortSignal) => Promise<ReconcileResult>)
  | ((key: string, signal: AbortSignal) => Promise<void>);

/** Reconciles keys. It is level-triggered: a key names an object, never an event. */
export interface Controller {
  /** Starts the work. Keys that were enqueued before are kept. */
  start(): void;
  /**
   * Starts no new reconcile and waits for the running ones. After `graceMs` their signal fires, and it waits 2 s more.
   * Resolves with whether all of them ended.
   */
  stop(): Promise<boolean>;
  enqueue(key: string): void;
  enqueueAfter(key: string, ms: number): void;
  /** The number of keys that are due and not in work. */
  readonly depth: number;
}

export interface ControllerOptions {
  readonly name: string;
  readonly concurrency: number;
  readonly reconcile: Reconcile;
  /** The backoff between consecutive errors of one key. Default: 50 ms to 60 s. */
  readonly backoff?: BackoffOptions | undefined;
  /** Default: 20,000 ms, which leaves time within the 30 s that Kubernetes gives a pod to terminate. */
  readonly graceMs?: number | undefined;
  readonly logger: Logger;
  readonly metrics?: ControllerMetrics | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** How long `stop` waits for a reconcile after its signal fired. */
const ABORT_GRACE_MS = 2_000;

export function createController(options: ControllerOptions): Controller {
  const { name, concurrency, reconcile, metrics, graceMs = 20_000 } = options;
  const { backoff = { baseMs: 50, maxMs: 60_000 }, clock = systemClock, random = Math.random } = options;
  const logger = options.logger.child({ controller: name });
  const queue = createWorkQueue({ name, concurrency, clock, metrics });
  const controller = new AbortController();
  /** Consecutive errors by key. */
  const failures = new Map<string, number>();
  /** Consecutive polls by key. */
  const polls = new Map<string, number>();

  async function work(key: string): Promise<void> {
    const started = clock.now();
    const outcome = await attempt(key);
    metrics?.reconciled?.({ name, outcome, durationMs: clock.now() - started });
  }

  async function attempt(key: string): Promise<'success' | 'requeue' | 'error'> {
    try {
      const result = await reconcile(key, controller.signal);
      failures.delete(key);
      const delayMs = typeof result === 'object' ? delayOf(key, result) : undefined;
      if (delayMs === undefined) return 'success';
      queue.addAfter(key, delayMs);
      return 'requeue';
    } catch (error) {
      if (controller.signal.aborted) return 'error';
      const failed = failures.get(key) ?? 0;
      failures.set(key, failed + 1);
      const delayMs = backoffMs(failed, backoff, random);
      // A conflict is normal: the cached copy was stale.
      const level = isConflict(error) ? 'debug' : 'warn';
      logger[level]({ err: error, key, failures: failed + 1, delayMs }, 'reconcile failed, trying again');
      queue.addAfter(key, delayMs);
      return 'error';
    }
  }

  function delayOf(key: string, { requeueAfterMs, poll }: NonNullable<ReconcileResult>): number | undefined {
    const polled = polls.get(key) ?? 0;
    polls.delete(key);
    if (poll === undefined) return requeueAfterMs;
    polls.set(key, polled + 1);
    // Between half of the ceiling and all of it: keys that began together spread, and none is polled at once.
    return (backoffCeilingMs(polled, poll) * (1 + random())) / 2;
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
        logger.warn({ running: queue.inWork }, 'aborting the reconciles that still run');
        controller.abort();
        return await within(ABORT_GRACE_MS);
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
