import type { Logger } from 'pino';
import { backoffCeilingMs, type BackoffOptions } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';

/** Knows whether the ledger is away, so that only the first objects of an outage wait for it. */
export interface LedgerBreaker {
  /** Whether the ledger is away: a request to it would fail. */
  isOpen(): boolean;
  /** Reports a request that failed because the ledger is away. */
  failed(): void;
  /** Resolves when no probe runs any more. Call it after the signal fired. */
  ended(): Promise<void>;
}

export interface LedgerBreakerOptions {
  /** Resolves when the ledger takes writes, and rejects otherwise. */
  readonly probe: () => Promise<unknown>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** The pauses between probes. They grow while the ledger answers a probe and then fails again. */
const PROBE_EVERY: BackoffOptions = { baseMs: 500, maxMs: 8_000 };

/** A failure so soon after the last outage belongs to it. */
const SAME_OUTAGE_MS = 30_000;

export function createLedgerBreaker({ probe, clock, signal, logger }: LedgerBreakerOptions): LedgerBreaker {
  let probing: Promise<void> | undefined;
  let closedAt = Number.NEGATIVE_INFINITY;
  /** How often the ledger failed right after a probe had succeeded. */
  let relapses = 0;

  async function probeUntilBack(): Promise<void> {
    const everyMs = backoffCeilingMs(relapses, PROBE_EVERY);
    while (!signal.aborted) {
      await sleep(everyMs, clock, signal);
      try {
        await probe();
        break;
      } catch (error) {
        logger.debug({ err: error }, 'the ledger is still away');
      }
    }
    closedAt = clock.now();
    probing = undefined;
    logger.info('the ledger answers again');
  }

  return {
    isOpen: () => probing !== undefined,
    failed: () => {
      if (probing !== undefined || signal.aborted) return;
      relapses = clock.now() - closedAt < SAME_OUTAGE_MS ? relapses + 1 : 0;
      logger.warn('the ledger is away: pods that need an address wait for it with a scheduling gate');
      probing = probeUntilBack();
    },
    ended: async () => {
      await probing;
    },
  };
}
