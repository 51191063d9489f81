import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import type { FoundClaim } from './find-claim.ts';

/** The operator serves a new claim within a few tenths of a second. */
const WAIT_MS = 2_000;

/** Sixteen waits are at most 160 small reads a second. */
const POLL_MS = 100;

/** What the ledger needs after a wait. */
const LEDGER_MS = 500;

/** Each wait holds a review in memory, and a read of the API server in flight. */
export const MAX_WAITS = 16;

/** Returns a claim by its name. `deadline`, in milliseconds since 1970, ends a wait for it. */
export type FindClaim = (claim: { namespace: string; name: string }, deadline: number) => Promise<FoundClaim>;

/**
 * Waits for a claim that is being served, at most two seconds: one manifest may hold a claim and the pod that uses it. The wait ends when
 * the claim has its address, is refused one or is deleted. Beyond `MAX_WAITS` waits at once, such a claim is refused without one.
 */
export function waitForServedClaim({
  find,
  clock,
}: {
  readonly find: (claim: { namespace: string; name: string }) => Promise<FoundClaim>;
  readonly clock: Clock;
}): FindClaim {
  let waits = 0;

  async function poll(claim: { namespace: string; name: string }, untilMs: number): Promise<FoundClaim> {
    for (;;) {
      await sleep(POLL_MS, clock);
      const found = await find(claim);
      if (!isBeingServed(found) || clock.now() + POLL_MS > untilMs) return found;
    }
  }

  return async (claim, deadline) => {
    const found = await find(claim);
    const left = Math.min(WAIT_MS, deadline - LEDGER_MS - clock.date().getTime());
    if (!isBeingServed(found) || waits >= MAX_WAITS || left < POLL_MS) return found;
    waits++;
    try {
      return await poll(claim, clock.now() + left);
    } finally {
      waits--;
    }
  };
}

function isBeingServed(found: FoundClaim): boolean {
  return !found.ok && found.isBeingServed === true;
}
