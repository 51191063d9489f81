import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';

/** The operator serves a new claim within a few tenths of a second. */
const WAIT_MS = 2_000;

/** Sixteen waits are at most 160 small reads a second. */
const POLL_MS = 100;

/** What the ledger needs after a wait. */
const LEDGER_MS = 500;

/** Each wait holds a review in memory, and a read in flight. */
export const MAX_WAITS = 16;

/** An attempt that may fail because a claim has no address yet. */
export interface ServedAttempt<T> {
  readonly first: T;
  readonly again: () => Promise<T>;
  /** Whether it failed because the operator serves a claim at this moment. */
  readonly isBeingServed: (result: T) => boolean;
  /** In milliseconds since 1970. */
  readonly deadline: number;
}

/** Repeats an attempt while a claim is being served, and returns the last result. */
export type WaitWhileServed = <T>(attempt: ServedAttempt<T>) => Promise<T>;

/**
 * Creates the waits of a webhook for claims that are being served, each of at most two seconds: one manifest may hold claims and the pod
 * that uses them. Beyond `MAX_WAITS` waits at once, the first result is returned.
 */
export function createServedWaits(clock: Clock): WaitWhileServed {
  let waits = 0;

  async function poll<T>({ again, isBeingServed }: ServedAttempt<T>, untilMs: number): Promise<T> {
    for (;;) {
      await sleep(POLL_MS, clock);
      const result = await again();
      if (!isBeingServed(result) || clock.now() + POLL_MS > untilMs) return result;
    }
  }

  return async (attempt) => {
    const { first, isBeingServed, deadline } = attempt;
    const left = Math.min(WAIT_MS, deadline - LEDGER_MS - clock.date().getTime());
    if (!isBeingServed(first) || waits >= MAX_WAITS || left < POLL_MS) return first;
    waits++;
    try {
      return await poll(attempt, clock.now() + left);
    } finally {
      waits--;
    }
  };
}
