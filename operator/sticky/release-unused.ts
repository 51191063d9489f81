import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import { formatKey } from '../../kube/client/objects.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { releaseUnused, unusedAddresses } from '../../ledger/sticky/unused.ts';
import { deleteAllocation } from '../allocation/delete-allocation.ts';
import { type GuestDeps, isUsedByGuest } from '../allocation/migrated-guest.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { isFor } from './claim.ts';
import { type ControllerReader, createControllerReader } from './controller-state.ts';
import { readNameState } from './name-state.ts';
import { decideRetention, isCounted, type RetentionDecision } from './retention.ts';

export type ReleaseUnusedDeps = Pick<
  OperatorDeps,
  'ledger' | 'client' | 'kinds' | 'clusterId' | 'actor' | 'metrics' | 'logger' | 'resyncEveryMs'
> &
  GuestDeps &
  Pick<Sources, 'allocations'>;

/** A sticky address that nothing keeps any more. */
export interface EndedSticky {
  readonly row: AddressRow;
  /** Reading the cluster proves its end, and not only time. */
  readonly proven: boolean;
  readonly reason: string;
}

/** Limits the rows of one ledger call. */
const PAGE = 1_000;

/** Limits the addresses of one resync. The next resync takes the rest. */
const ADDRESSES_PER_RESYNC = 10_000;

/**
 * Finds the sticky addresses that were unused for longer than their pool's period and that nothing keeps: neither their controller, nor
 * their retention, nor an object of their name.
 */
export async function findEndedSticky(deps: ReleaseUnusedDeps): Promise<readonly EndedSticky[]> {
  const { ledger, clusterId } = deps;
  const readController = createControllerReader(deps);
  const ended: EndedSticky[] = [];
  let page: readonly AddressRow[] = [];
  do {
    page = await unusedAddresses(ledger, clusterId, { after: page.at(-1)?.mac, limit: PAGE });
    for (const row of page) {
      const decision = await decide(row, readController, deps);
      if (!decision.keep) ended.push({ row, proven: decision.proven, reason: decision.reason });
    }
  } while (page.length === PAGE && ended.length < ADDRESSES_PER_RESYNC);
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
  if (decideRetention(facts).keep && !isCounted(facts)) return { keep: true };
  const decision = decideRetention(facts, await readNameState(row, deps));
  return decision.keep || (await isUsedByGuest(row, deps)) ? { keep: true } : decision;
}

function claimOf({ owner }: AddressRow, { allocations }: Pick<Sources, 'allocations'>) {
  if (owner === undefined) return undefined;
  const found = allocations.get(formatKey({ namespace: owner.namespace, name: stickyClaimName(owner) }));
  return found !== undefined && isFor(found, owner) ? found : undefined;
}

/**
 * Releases sticky addresses that have ended, and deletes their claims. The ledger compares since when they are unused, so an address
 * stays that an admission answered with meanwhile. Returns how many were released.
 */
export async function releaseEndedSticky(ended: readonly EndedSticky[], deps: ReleaseUnusedDeps): Promise<number> {
  const { ledger, client, actor, logger, metrics } = deps;
  let released = 0;
  for (const { row, reason } of ended) {
    const { mac, generation, key, owner, missingSince } = row;
    if (missingSince === undefined) continue;
    const item = { mac, generation, key, missingSince };
    const [result] = await releaseUnused(ledger, [item], {
      actor,
      reason: `unused since ${missingSince.toISOString()}: ${reason}`,
    });
    logger.info({ mac, ...owner, outcome: result?.outcome, reason }, 'sticky address that nothing uses released');
    if (result?.outcome !== 'released') continue;
    metrics.released('unused');
    released++;
    const claim = claimOf(row, deps);
    if (claim !== undefined) await deleteAllocation(claim.metadata, client);
  }
  return released;
}
