import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMacs } from '../../ledger/address/find.ts';
import { isStickyKey } from '../../ledger/address/holder-key.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { release } from '../../ledger/address/release.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { addressView } from '../../ledger/view/address-view.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Address, ListQuery, Releasable, ReleaseOptions, Releases } from '../backend.ts';
import { refuseChangedHolder } from '../changed-holder.ts';
import { type CommandRefusal, commandRefusal } from '../errors.ts';
import { listPage } from './list-page.ts';

/** Releases addresses. Those that objects of active clusters hold are always kept, even with `force`. */
export async function releaseRows(
  ledger: Queryable,
  rows: readonly AddressRow[],
  { force, actor, reason = 'released with rock-mac', generation }: ReleaseOptions & { readonly actor: string },
): Promise<Releases> {
  const isInCluster = await inLivingCluster(ledger, rows);
  const changedHolder = withChangedHolder(rows, () => generation);
  if (changedHolder.length > 0) return { released: [], left: [], kept: changedHolder };
  const releasable = rows.filter((row) => !isInCluster(row));
  const outcomes = await release(ledger, releasable, { force, actor, reason });
  const changed = releasable.filter((_, index) => outcomes[index]?.outcome === 'released');
  const after = await findByMacs(
    ledger,
    changed.map(({ mac }) => mac),
  );
  const released = changed.map((row) => {
    const now = after.find(({ mac, generation }) => mac === row.mac && generation === row.generation);
    return addressView(now ?? { ...row, state: 'released' }); // another owner may have it by now
  });
  const refused = releasable.flatMap((row, index) => {
    const outcome = outcomes[index];
    const address = addressView(row);
    if (outcome?.outcome === 'needs_force') return [{ address, refusal: needsForce(row) }];
    if (outcome?.outcome === 'invalid')
      return [{ address, refusal: commandRefusal('The release was refused:', outcome.why) }];
    return []; // somebody else has released it meanwhile
  });
  const inCluster = rows.filter(isInCluster).map((row) => ({ address: addressView(row), refusal: heldInCluster(row) }));
  return { released, left: [], kept: [...refused, ...inCluster] };
}

/** Releases the addresses that still have the owner that was seen. */
export async function releaseSeen(
  ledger: Queryable,
  seen: readonly Address[],
  options: Omit<ReleaseOptions, 'generation'> & { readonly actor: string },
): Promise<Releases> {
  const rows = await findByMacs(
    ledger,
    seen.map(({ mac }) => mac),
  );
  const generations = new Map(seen.map(({ mac, generation }) => [mac, generation]));
  const changed = withChangedHolder(rows, ({ mac }) => generations.get(mac));
  const unchanged = rows.filter(({ mac, generation }) => generations.get(mac) === generation);
  const { released, left, kept } = await releaseRows(ledger, unchanged, options);
  return { released, left, kept: [...changed, ...kept] };
}

/** Returns the rows that have another owner than the user saw, each with its refusal. */
function withChangedHolder(
  rows: readonly AddressRow[],
  seenGeneration: (row: AddressRow) => number | undefined,
): Releases['kept'] {
  return rows.flatMap((row) => {
    const refusal = refuseChangedHolder(row, seenGeneration(row));
    return refusal === undefined ? [] : [{ address: addressView(row), refusal }];
  });
}

/** Returns the held addresses that fit a query, without those that objects of living clusters hold. */
export async function findReleasable(ledger: Queryable, query: ListQuery): Promise<Releasable> {
  const addresses: Address[] = [];
  for (let after: string | undefined; ;) {
    const page = await listPage(ledger, { ...query, sortBy: 'mac', limit: PAGE, after });
    addresses.push(...page.items.filter(({ state }) => state !== 'released'));
    after = page.next;
    if (after === undefined) break;
  }
  const isInCluster = await inLivingCluster(ledger, addresses);
  const releasable = addresses.filter((address) => !isInCluster(address));
  return { addresses: releasable, left: addresses.length - releasable.length };
}

/** Largest number of rows that the ledger returns at once, less the one that shows whether another page follows. */
const PAGE = 9_999;

type Held = Pick<Address, 'owner' | 'keptSince'>;

/** Returns a test whether an object of a living cluster holds an address. */
async function inLivingCluster(ledger: Queryable, held: readonly Held[]): Promise<(address: Held) => boolean> {
  const retired = await retiredClusters(ledger, held);
  // The claim of a kept address is deleted, so nothing in its cluster could release it.
  return ({ owner, keptSince }) => owner !== undefined && keptSince === undefined && !retired.has(owner.clusterId);
}

async function retiredClusters(ledger: Queryable, rows: readonly Held[]): Promise<ReadonlySet<string>> {
  if (rows.every(({ owner }) => owner === undefined)) return new Set();
  const clusters = await listClusters(ledger);
  return new Set(clusters.filter(({ retiredAt }) => retiredAt !== undefined).map(({ clusterId }) => clusterId));
}

function needsForce({ mac, state }: AddressRow): CommandRefusal {
  return commandRefusal(`${mac} is ${state}, so it was not released.`, 'Add --force to release it anyway.', 'conflict');
}

function stocked(mac: MacAddress, owner: Owner | undefined): CommandRefusal {
  return commandRefusal(
    `${mac} is stock of the webhook ${owner?.name ?? ''}, so it was not released.`,
    'The webhook gives it to a pod or returns it. If its process is gone, run `rock-mac stock return`.',
    'conflict',
  );
}

function heldInCluster({ mac, state, owner, key }: AddressRow): CommandRefusal {
  if (state === 'stocked') return stocked(mac, owner);
  const { kind = 'object', namespace = '', name = '' } = owner ?? {};
  if (isStickyKey(key)) {
    return commandRefusal(
      `${mac} stays with ${kind} ${namespace}/${name} in a cluster, so it was not released.`,
      `Delete its sticky MacAllocation there: that releases the address, or leaves it to a ${kind} that uses it, until that ends. If the cluster no longer exists, run \`rock-mac cluster retire\`.`,
      'conflict',
    );
  }
  return commandRefusal(
    `${mac} is held by ${kind} ${namespace}/${name} in a cluster, so it was not released.`,
    `Delete the ${kind} there: that releases the address. If the cluster no longer exists, run \`rock-mac cluster retire\`.`,
    'conflict',
  );
}
