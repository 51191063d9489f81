import type { FoundClaim } from './find-claim.ts';
import type { WaitWhileServed } from './wait-while-served.ts';

/** Returns a claim by its name. `deadline`, in milliseconds since 1970, ends a wait for it. */
export type FindClaim = (claim: { namespace: string; name: string }, deadline: number) => Promise<FoundClaim>;

/** Waits for a claim that is being served, until it has its address, is refused one or is deleted. */
export function waitForServedClaim({
  find,
  waitWhileServed,
}: {
  readonly find: (claim: { namespace: string; name: string }) => Promise<FoundClaim>;
  readonly waitWhileServed: WaitWhileServed;
}): FindClaim {
  return async (claim, deadline) =>
    await waitWhileServed({ first: await find(claim), again: () => find(claim), isBeingServed, deadline });
}

function isBeingServed(found: FoundClaim): boolean {
  return !found.ok && found.isBeingServed === true;
}
