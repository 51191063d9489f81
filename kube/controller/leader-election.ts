import type { Logger } from 'pino';
import { type CancelTimer, type Clock, systemClock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import type { KubeClient } from '../client/client.ts';
import type { LeaderMetrics } from '../metrics.ts';
import { createLeaseLock, type LeaseLock } from './lease-lock.ts';

/**
 * Leader election over a Lease, as in client-go: https://pkg.go.dev/k8s.io/client-go/tools/leaderelection
 *
 * It prevents duplicate work, but does not guarantee a single leader. A process that was suspended (SIGSTOP, a paused
 * VM) continues as leader for a moment after it wakes. Work that must not happen twice needs its own guard.
 */
export interface LeaderElection {
  /**
   * Steps down: fires the leader's signal, waits for its work while the lease is valid, then releases the lease, so that
   * another candidate can acquire it at once.
   */
  stop(): Promise<void>;
}

export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, 'find' | 'create' | 'update'>;
  readonly namespace: string;
  /** The name of the Lease. */
  readonly name: string;
  /** Unique among all candidates and all earlier runs of this process. */
  readonly identity: string;
  /** How long other candidates wait after the last renewal. Default: 15,000. */
  readonly leaseDurationMs?: number | undefined;
  /** How long the leader goes on without a renewal before it steps down. Default: 10,000. */
  readonly renewDeadlineMs?: number | undefined;
  /** The pause between two attempts to acquire or renew the lease. Default: 2,000. */
  readonly retryPeriodMs?: number | undefined;
  /**
   * The work of the leader. The signal fires at `stop`, or when the lease could not be renewed, and always before
   * another candidate can acquire it. This candidate does not run again until the work has ended.
   */
  readonly onStarted: (signal: AbortSignal) => void | Promise<void>;
  readonly logger: Logger;
  readonly metrics?: LeaderMetrics | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** Spreads candidates that started together; client-go's factor. */
const JITTER_FACTOR = 1.2;

/** What the steps of an election share. */
interface Candidate {
  readonly lock: LeaseLock;
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
  /** Fires at `stop`. */
  readonly stopping: AbortSignal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * Starts to run for leader.
 *
 * @throws RangeError for periods with which two candidates could lead at once
 */
export function runLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, namespace, name, identity, onStarted, metrics } = options;
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = options;
  const { clock = systemClock, random = Math.random } = options;
  checkPeriods(leaseDurationMs, renewDeadlineMs, retryPeriodMs);
  const logger = options.logger.child({ lease: `${namespace}/${name}`, identity });
  const timeoutMs = renewDeadlineMs / 2;
  const lock = createLeaseLock({ client, namespace, name, identity, leaseDurationMs, timeoutMs, clock });
  const controller = new AbortController();
  const stopping = controller.signal;
  const candidate = { lock, leaseDurationMs, renewDeadlineMs, retryPeriodMs, stopping, clock, random, logger };

  function report(leading: boolean): void {
    metrics?.leading?.({ name, leading });
    logger.info(leading ? 'leading' : 'leading no more');
  }

  async function startWork(signal: AbortSignal): Promise<void> {
    try {
      await onStarted(signal);
    } catch (error) {
      logger.error({ err: error }, 'the work of the leader threw');
    }
  }

  async function run(): Promise<void> {
    for (let since = await acquire(candidate); since !== undefined; since = await acquire(candidate)) {
      const leaderRun = new AbortController();
      report(true);
      const work = startWork(leaderRun.signal);
      await renewUntilLost(candidate, leaderRun, since);
      report(false);
      const ended = await waitForWork(candidate, work);
      if (ended && stopping.aborted) await release(candidate);
    }
  }

  const running = run();
  return {
    stop: async () => {
      controller.abort();
      await running;
    },
  };
}

/**
 * Waits until the lease is acquired. Returns the time of the request that acquired it, or undefined at `stop`.
 * The lease is valid at least from that time.
 */
async function acquire(candidate: Candidate): Promise<number | undefined> {
  const { lock, stopping, retryPeriodMs, clock, random, logger } = candidate;
  while (!isAborted(stopping)) {
    const requestedAt = clock.now();
    try {
      if (await lock.tryToHold(stopping)) return requestedAt;
    } catch (error) {
      if (!isAborted(stopping)) logger.debug({ err: error }, 'cannot acquire the lease, trying again');
    }
    await sleep(retryPeriodMs * (1 + JITTER_FACTOR * random()), clock, stopping);
  }
  return undefined;
}

/**
 * Renews the lease until it is lost or `stop` is called, then fires the signal of the leader run.
 * The renew deadline counts from before each request, while other candidates count from after it.
 */
async function renewUntilLost(candidate: Candidate, leaderRun: AbortController, since: number): Promise<void> {
  const { lock, stopping, retryPeriodMs, renewDeadlineMs, clock, logger } = candidate;
  const { signal } = leaderRun;
  const stepDown = (): void => {
    leaderRun.abort();
  };
  const stepDownAfter = (renewedAt: number): CancelTimer =>
    clock.after(renewedAt + renewDeadlineMs - clock.now(), stepDown);
  let cancelDeadline = stepDownAfter(since);
  stopping.addEventListener('abort', stepDown, { once: true });
  if (stopping.aborted) stepDown();

  while (!isAborted(signal)) {
    await sleep(retryPeriodMs, clock, signal);
    if (isAborted(signal)) break;
    const requestedAt = clock.now();
    try {
      if (!(await lock.tryToHold(signal))) stepDown();
      cancelDeadline();
      cancelDeadline = stepDownAfter(requestedAt);
    } catch (error) {
      if (!isAborted(signal)) logger.warn({ err: error }, 'cannot renew the lease, trying again');
    }
  }
  cancelDeadline();
  stopping.removeEventListener('abort', stepDown);
}

/**
 * Waits for the leader's work; resolves with false if it did not end in time.
 *
 * After a lost lease it waits without limit, because the old work must end before this candidate runs again. After
 * `stop` it waits at most for the lease duration: later there is no lease to release.
 */
async function waitForWork(candidate: Candidate, work: Promise<void>): Promise<boolean> {
  const { stopping, leaseDurationMs, clock } = candidate;
  const done = new AbortController();
  const timedOut = new Promise<boolean>((resolve) => {
    const startTimer = (): void => {
      void sleep(leaseDurationMs, clock, done.signal).then(() => {
        resolve(false);
      });
    };
    if (stopping.aborted) startTimer();
    else stopping.addEventListener('abort', startTimer, { once: true, signal: done.signal });
  });
  try {
    return await Promise.race([work.then(() => true), timedOut]);
  } finally {
    done.abort();
  }
}

async function release({ lock, logger }: Candidate): Promise<void> {
  try {
    await lock.release();
  } catch (error) {
    logger.debug({ err: error }, 'cannot release the lease, it will expire');
  }
}

/** A function, because the type checker does not see that a signal fires during an await. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function checkPeriods(leaseDurationMs: number, renewDeadlineMs: number, retryPeriodMs: number): void {
  if (leaseDurationMs <= renewDeadlineMs) {
    throw new RangeError('The lease duration must be longer than the renew deadline, or two candidates could lead.');
  }
  if (renewDeadlineMs <= retryPeriodMs * JITTER_FACTOR) {
    throw new RangeError('The renew deadline must be longer than the retry period, or one lost renewal ends a run.');
  }
}
