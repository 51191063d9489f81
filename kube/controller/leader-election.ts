import type { Logger } from 'pino';
import type { CallOptions, KubeClient } from '../client/client.ts';
import { systemClock, type CancelTimer, type Clock } from '../time/clock.ts';
import { leases, type Lease } from '../client/core-resources.ts';
import { isNotFound } from '../client/errors.ts';
import { heldBy, isHeldByOther, released } from './lease-record.ts';
import type { LeaderMetrics } from '../metrics.ts';
import { sleep } from '../time/sleep.ts';

/**
 * Leader election over a Lease, as client-go does it: https://pkg.go.dev/k8s.io/client-go/tools/leaderelection
 *
 * It keeps two processes from doing the same work, for efficiency; it does not promise that there is only one. A
 * process that is stopped (SIGSTOP, a paused VM) goes on as leader for a moment when it wakes. What must not happen
 * twice has to be guarded where it happens.
 */
export interface LeaderElection {
  readonly leading: boolean;
  /** Who holds the lease, as far as we saw. */
  readonly holder: string | undefined;
  /**
   * Leads no more: the leader's signal fires, its work is waited for while the lease still holds, then the lease is
   * given back, so that another takes over at once.
   */
  stop(): Promise<void>;
}

export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'update'>;
  readonly namespace: string;
  /** The name of the Lease. */
  readonly name: string;
  /** Unlike that of every other candidate, and of our own former life. */
  readonly identity: string;
  /** How long others wait after a renewal that they saw. Default 15,000. */
  readonly leaseDurationMs?: number | undefined;
  /** Without a renewal for so long, the leader steps down. Default 10,000. */
  readonly renewDeadlineMs?: number | undefined;
  /** Between two looks at the lease. Default 2,000. */
  readonly retryPeriodMs?: number | undefined;
  /**
   * The work of the leader. The signal fires when it must end: at `stop`, or when the lease could not be renewed, and
   * then always before another can take it. The candidate stands again when this has ended.
   */
  readonly onStarted: (signal: AbortSignal) => void | Promise<void>;
  /** Called after each term, when the signal has fired. */
  readonly onStopped?: (() => void) | undefined;
  readonly logger: Logger;
  readonly metrics?: LeaderMetrics | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** Candidates that came up together must not knock together: client-go's factor. */
const jitterFactor = 1.2;

/** @throws RangeError for times that cannot keep the promise of `onStarted` */
export function runLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, namespace, name, identity, onStarted, onStopped, metrics } = options;
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = options;
  const { clock = systemClock, random = Math.random } = options;
  checkPeriods(leaseDurationMs, renewDeadlineMs, retryPeriodMs);
  const logger = options.logger.child({ lease: `${namespace}/${name}`, identity });
  const stopping = new AbortController();

  /** The lease as we last saw it, and since when: the clocks of others are never compared with ours. */
  let observed: { readonly lease: Lease; readonly at: number } | undefined;
  /** Whether `observed` is certainly the newest, so that we may write without reading first. */
  let fresh = false;
  let leading = false;

  function observe(lease: Lease): void {
    fresh = lease.spec.holderIdentity === identity;
    if (observed?.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    // Taken when the answer is there, later than the truth: we rather wait too long for others than too short.
    observed = { lease, at: clock.now() };
  }

  /** One attempt per call: the loops here are the retry, and know how much time is left. */
  function callOptions(signal: AbortSignal): CallOptions {
    return { signal, timeoutMs: renewDeadlineMs / 2, attempts: 1 };
  }

  async function look(signal: AbortSignal): Promise<void> {
    try {
      observe(await client.get(leases, { namespace, name }, callOptions(signal)));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      observed = undefined;
    }
  }

  /** Takes or renews the lease; true when it is ours. Between candidates the resourceVersion decides. */
  async function tryToHold(signal: AbortSignal): Promise<boolean> {
    if (!fresh) await look(signal);
    if (observed !== undefined && isHeldByOther(observed.lease.spec, identity, clock.now() - observed.at)) return false;
    fresh = false;
    const spec = heldBy(identity, observed?.lease.spec, leaseDurationMs, clock.date());
    observe(
      observed === undefined
        ? await client.create(leases, { metadata: { namespace, name }, spec }, callOptions(signal))
        : await client.update(leases, { ...observed.lease, spec }, callOptions(signal)),
    );
    return true;
  }

  /** Waits until the lease is ours; gives the moment from which on it is, at the latest. */
  async function acquire(): Promise<number | undefined> {
    const { signal } = stopping;
    while (!isAborted(signal)) {
      const askedAt = clock.now();
      try {
        if (await tryToHold(signal)) return askedAt;
      } catch (error) {
        if (!isAborted(signal)) logger.debug({ err: error }, 'cannot take the lease, trying again');
      }
      await sleep(retryPeriodMs * (1 + jitterFactor * random()), clock, signal);
    }
    return undefined;
  }

  /** Renews until the term ends. Each renewal counts from before it was asked for: others count from after. */
  async function keep(term: AbortController, since: number): Promise<void> {
    const { signal } = term;
    const stepDown = (): void => {
      term.abort();
    };
    const armAt = (moment: number): CancelTimer => clock.after(moment + renewDeadlineMs - clock.now(), stepDown);
    let disarm = armAt(since);
    stopping.signal.addEventListener('abort', stepDown, { once: true });
    if (stopping.signal.aborted) stepDown();

    while (!isAborted(signal)) {
      await sleep(retryPeriodMs, clock, signal);
      if (isAborted(signal)) break;
      const askedAt = clock.now();
      try {
        if (!(await tryToHold(signal))) stepDown();
        disarm();
        disarm = armAt(askedAt);
      } catch (error) {
        if (!isAborted(signal)) logger.warn({ err: error }, 'cannot renew the lease, trying again');
      }
    }
    disarm();
    stopping.signal.removeEventListener('abort', stepDown);
  }

  function announce(nowLeading: boolean): void {
    leading = nowLeading;
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

  /**
   * Whether the work ended. After a lost lease there is no hurry: our former self must be done before we stand again.
   * Once `stop` was called it is waited for as long as the lease holds at most; later there is nothing to give back.
   */
  async function ended(work: Promise<void>): Promise<boolean> {
    const over = new AbortController();
    const overdue = new Promise<boolean>((resolve) => {
      const wait = (): void => {
        void sleep(leaseDurationMs, clock, over.signal).then(() => {
          resolve(false);
        });
      };
      if (stopping.signal.aborted) wait();
      else stopping.signal.addEventListener('abort', wait, { once: true, signal: over.signal });
    });
    try {
      return await Promise.race([work.then(() => true), overdue]);
    } finally {
      over.abort();
    }
  }

  async function giveBack(): Promise<void> {
    const { signal } = new AbortController();
    try {
      if (!fresh) await look(signal);
      if (observed?.lease.spec.holderIdentity !== identity) return;
      const spec = released(observed.lease.spec, clock.date());
      await client.update(leases, { ...observed.lease, spec }, callOptions(signal));
    } catch (error) {
      logger.debug({ err: error }, 'cannot give the lease back, it will expire');
    }
  }

  async function run(): Promise<void> {
    for (let since = await acquire(); since !== undefined; since = await acquire()) {
      const term = new AbortController();
      announce(true);
      const work = startWork(term.signal);
      await keep(term, since);
      announce(false);
      onStopped?.();
      const done = await ended(work);
      if (done && stopping.signal.aborted) await giveBack();
    }
  }

  const running = run();
  return {
    get leading() {
      return leading;
    },
    get holder() {
      return observed?.lease.spec.holderIdentity;
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** A function, since a signal fires while somebody waits, which the type checker does not see. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function checkPeriods(leaseDurationMs: number, renewDeadlineMs: number, retryPeriodMs: number): void {
  if (leaseDurationMs <= renewDeadlineMs) {
    throw new RangeError('the lease duration must be longer than the renew deadline, or two could lead at once');
  }
  if (renewDeadlineMs <= retryPeriodMs * jitterFactor) {
    throw new RangeError('the renew deadline must be longer than the retry period, or one lost renewal ends a term');
  }
}
