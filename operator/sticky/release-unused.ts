import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByHolderKey } from '../../ledger/address/find.ts';
import { releaseUnused } from '../../ledger/sticky/unused.ts';
import { dropFinalizer } from '../allocation/drop-finalizer.ts';
import { type GuestDeps, isUsedByGuest } from '../allocation/migrated-guest.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { stickyClaimOf } from './claim.ts';
import { type ControllerReader, createControllerReader, stateWithoutReading } from './controller-state.ts';
import { readNameState } from './name-state.ts';
import { readUnused } from './read-unused.ts';
import { decideRetention, mayHaveObject, type RetentionDecision } from './retention.ts';
import type { UnusedCursor } from './unused-cursor.ts';

export type ReleaseUnusedDeps = Pick<
  OperatorDeps,
  'ledger' | 'client' | 'kinds' | 'clusterId' | 'actor' | 'metrics' | 'logger' | 'resyncEveryMs'
> &
  GuestDeps &
  Pick<Sources, 'allocations'> & { readonly unusedCursor: UnusedCursor };

/** A sticky address that nothing keeps any more. */
export interface EndedSticky {
  readonly row: AddressRow;
  /** Reading the cluster proves its end, and not only time. */
  readonly proven: boolean;
  readonly reason: string;
}

/** Limits the addresses of one resync. The next resync takes the next ones. */
const ADDRESSES_PER_RESYNC = 10_000;

/** Limits the addresses for which a resync reads objects. Most stay, so each resync would read all of them again. */
const READ_PER_RESYNC = 1_000;

/** Limits those that cannot be read. An API server that does not answer must not delay what else the resync does. */
const MAX_FAILURES = 5;

/**
 * Finds the sticky addresses that were unused for longer than their pool's period and that nothing keeps. Returns all for which time
 * alone decides, because the release guard counts them: whoever releases one reads its name first. Of the others, each resync reads a
 * part. An address that cannot be read stays.
 */
export async function findEndedSticky(deps: ReleaseUnusedDeps): Promise<readonly EndedSticky[]> {
  const { unusedCursor } = deps;
  const rows = await readUnused({ start: unusedCursor.position(), limit: ADDRESSES_PER_RESYNC }, deps);
  const timed = rows.flatMap((row) => decideByTime(row, deps) ?? []);
  const others = rows.filter((row) => decideByTime(row, deps) === undefined).slice(0, READ_PER_RESYNC);
  unusedCursor.moveTo((others.at(-1) ?? rows.at(-1))?.mac);
  return [...timed, ...(await readEnded(others, deps))];
}

/** Returns the end of an address of which the controller says nothing. */
function decideByTime(row: AddressRow, deps: ReleaseUnusedDeps): EndedSticky | undefined {
  const controller = stateWithoutReading(claimOf(row, deps)?.spec.stickyFor?.controller);
  if (controller === undefined) return undefined;
  const decision = decideRetention({ controller });
  return decision.keep ? undefined : { row, ...decision };
}

async function readEnded(rows: readonly AddressRow[], deps: ReleaseUnusedDeps): Promise<readonly EndedSticky[]> {
  const readController = createControllerReader(deps);
  const ended: EndedSticky[] = [];
  let failures = 0;
  for (const row of rows) {
    const decision = await orUnknown(row, decide(row, readController, deps), deps);
    if (decision === 'unknown') failures++;
    else if (!decision.keep) ended.push({ row, ...decision });
    if (failures === MAX_FAILURES) break;
  }
  return ended;
}

async function decide(
  row: AddressRow,
  readController: ControllerReader,
  deps: ReleaseUnusedDeps,
): Promise<RetentionDecision> {
  const { controller, ordinal, retention } = claimOf(row, deps)?.spec.stickyFor ?? {};
  const facts = { controller: await readController(row.owner?.namespace ?? '', controller), ordinal, retention };
  // Where no object of the name is expected, most addresses stay, and reading each object would cost a request for each.
  if (decideRetention(facts).keep && !mayHaveObject(facts)) return { keep: true };
  const decision = decideRetention(facts, await readNameState(row, deps));
  return decision.keep || (await isUsedByGuest(row, deps)) ? { keep: true } : decision;
}

/** One address of which the cluster does not say enough must not end the whole resync. */
async function orUnknown<T>(
  row: AddressRow,
  reading: Promise<T>,
  { logger }: Pick<ReleaseUnusedDeps, 'logger'>,
): Promise<T | 'unknown'> {
  try {
    return await reading;
  } catch (error) {
    logger.warn({ err: error, mac: row.mac }, 'could not read whether a sticky address is still needed, so it stays');
    return 'unknown';
  }
}

function claimOf({ owner }: Pick<AddressRow, 'owner'>, deps: Pick<Sources, 'allocations'>) {
  return owner && stickyClaimOf(owner, deps);
}

/** Returns whether an object of the name, or a guest of it elsewhere, may use the address. */
async function isNeeded(row: AddressRow, deps: ReleaseUnusedDeps): Promise<boolean> {
  return (await readNameState(row, deps)) === 'in-use' || (await isUsedByGuest(row, deps));
}

/**
 * Releases sticky addresses that have ended, after their claims are deleted. The ledger compares since when they are unused, so an
 * address stays that an admission answered with meanwhile, and its object gets a new claim. Returns how many were released.
 */
export async function releaseEndedSticky(ended: readonly EndedSticky[], deps: ReleaseUnusedDeps): Promise<number> {
  const { ledger, actor, logger, metrics } = deps;
  let released = 0;
  for (const { row, proven, reason } of ended) {
    const { mac, generation, key, owner, missingSince } = row;
    if (missingSince === undefined) continue;
    if (!proven && (await orUnknown(row, isNeeded(row, deps), deps)) !== false) continue;
    if (!(await withdrawClaim(row, deps))) continue;
    const item = { mac, generation, key, missingSince };
    const [result] = await releaseUnused(ledger, [item], {
      actor,
      reason: `unused since ${missingSince.toISOString()}: ${reason}`,
    });
    logger.info({ mac, ...owner, outcome: result?.outcome, reason }, 'sticky address that nothing uses released');
    if (result?.outcome !== 'released') continue;
    metrics.released('unused');
    released++;
  }
  return released;
}

/**
 * Deletes the claim of an address before the ledger releases that. While the ledger is away, a claim that was left behind would answer
 * with an address that anybody may have. A crash in between leaves an address without a claim: the next resync releases it, or the next
 * object of the name has the claim made again.
 *
 * The deletion of a claim with its finalizer would end the stickiness of its name. So the claim is deleted only as the patch left it:
 * its own reconcile may have restored the finalizer, and its name may be in use again.
 *
 * @returns `false` if the address is used again, or the claim has changed since the cache saw it, so that the next resync decides
 */
async function withdrawClaim(row: AddressRow, deps: ReleaseUnusedDeps): Promise<boolean> {
  const { client, ledger } = deps;
  const claim = claimOf(row, deps);
  // One that is being deleted does not answer any more.
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return true;
  const now = await findByHolderKey(ledger, row.key);
  if (now?.mac !== row.mac || now.missingSince?.getTime() !== row.missingSince?.getTime()) return false;
  try {
    const left = await dropFinalizer(claim, client);
    if (left === undefined) return true;
    const { namespace, name, uid, resourceVersion } = left.metadata;
    await client.delete(macAllocations, { namespace, name }, { uid, resourceVersion });
  } catch (error) {
    if (isNotFound(error)) return true;
    if (!isConflict(error)) throw error;
    return false;
  }
  return true;
}
