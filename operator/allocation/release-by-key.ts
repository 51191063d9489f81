import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByHolderKey } from '../../ledger/address/find.ts';
import { OBJECT_IS_GONE } from '../../ledger/address/grouped-calls.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { release, type ReleaseItem, type ReleaseOutcome } from '../../ledger/address/release.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { findNeed, isNeed } from './find-need.ts';
import type { HeldForGuests } from './held-for-guests.ts';
import type { GuestDeps } from './migrated-guest.ts';

export type ReleaseByKeyDeps = Pick<OperatorDeps, 'ledger' | 'actor' | 'metrics'> &
  GuestDeps & { readonly heldForGuests: HeldForGuests };

export interface ReleaseByKeyOptions {
  readonly force: boolean;
  /** Why it is released, for the metrics. They count few reasons. */
  readonly reason: string;
  /** Why somebody wants it, for the audit. Default: `reason`. */
  readonly said?: string | undefined;
}

/**
 * Releases the address of a holder key, and returns the outcome for the log. The release compares the generation that was
 * read: between the two statements the address may get another owner, who then keeps it (promise I3). Without `force`, a
 * reserved address stays reserved for the next claim that requests it, and one that a migrated guest uses stays held until a
 * resync finds the guest gone.
 */
export async function releaseByKey(
  key: string,
  { force, reason, said = reason }: ReleaseByKeyOptions,
  deps: ReleaseByKeyDeps,
): Promise<string> {
  const { ledger, actor } = deps;
  const row = await findByHolderKey(ledger, key);
  if (row === undefined) return 'nothing_held';
  const needed = force ? undefined : await findNeed(row, deps);
  if (needed !== undefined) return keep(key, needed, deps);
  const [result] = await release(ledger, [row], { force, actor, reason: said });
  return await keepIfReserved(row, result, { reason, said }, deps);
}

/** As `releaseByKey`, for an object that is gone: in one statement with others, since many objects end at once. */
export async function releaseGone(
  { key, endUnseen }: Pick<ReleaseItem, 'key' | 'endUnseen'>,
  deps: ReleaseByKeyDeps & Pick<OperatorDeps, 'groupedCalls'>,
): Promise<string> {
  const { groupedCalls } = deps;
  const row = await groupedCalls.findByHolderKey(key);
  if (row === undefined) return 'nothing_held';
  const needed = await findNeed(row, deps);
  if (needed !== undefined) return keep(key, needed, deps);
  return await keepIfReserved(
    row,
    await groupedCalls.releaseGone({ ...row, endUnseen }),
    { reason: OBJECT_IS_GONE },
    deps,
  );
}

/**
 * As `releaseGone`, for an object that leaves no guest behind and whose mirror names what a release compares: that saves the
 * look-up. What the ledger does not release like this is looked up.
 */
export async function releaseEnded(
  address: ReleaseItem,
  deps: ReleaseByKeyDeps & Pick<OperatorDeps, 'groupedCalls'>,
): Promise<string> {
  const { outcome } = await deps.groupedCalls.releaseGone(address);
  if (outcome !== 'released') return await releaseGone(address, deps);
  deps.metrics.released(OBJECT_IS_GONE);
  return outcome;
}

/** Releases what was only held for guests that have ended since. */
export async function releaseForEndedGuests(deps: ReleaseByKeyDeps): Promise<void> {
  const options = { force: false, reason: 'guest is gone' };
  await deps.heldForGuests.recheck(async (key) => !isNeed(await releaseByKey(key, options, deps)));
}

function keep(key: string, outcome: string, { heldForGuests }: Pick<ReleaseByKeyDeps, 'heldForGuests'>): string {
  heldForGuests.add(key);
  return outcome;
}

async function keepIfReserved(
  row: AddressRow,
  result: ReleaseOutcome | undefined,
  { reason, said = reason }: Omit<ReleaseByKeyOptions, 'force'>,
  { ledger, actor, metrics }: ReleaseByKeyDeps,
): Promise<string> {
  if (result?.outcome === 'released') metrics.released(reason);
  if (result?.outcome !== 'needs_force') return result?.outcome ?? 'unknown';
  const [kept] = await keepReserved(ledger, [row], { actor, reason: said });
  return kept?.outcome ?? 'unknown';
}
