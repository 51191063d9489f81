import { dropConsumer, expiredConsumers } from '../../ledger/address/consumer.ts';
import { expiredLeases } from '../../ledger/address/expired-leases.ts';
import { leaseKey } from '../../ledger/address/holder-key.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { listLiveWorkloads } from '../live/list-live.ts';
import type { LiveWorkload } from '../live/workload.ts';

export type ReleaseExpiredLeasesDeps = Pick<
  OperatorDeps,
  'ledger' | 'client' | 'kinds' | 'clusterId' | 'actor' | 'logger'
>;

/** Limits the leases of one round. The next round takes the rest. */
const LEASES_PER_ROUND = 1_000;

/**
 * Releases the addresses and claims of creates that failed after admission, by a quota, another webhook or a name conflict.
 * Returns the number of released addresses.
 *
 * An expired lease alone proves nothing: a create may take long, and its watch event longer. So this first lists all
 * objects that could use an address, from the API server's store and not from its cache. It releases only addresses whose
 * lease is on none of them, and whose MAC is on no object of their kind and namespace. An object elsewhere that shows the
 * MAC cannot keep it: it is observed. Any error ends the round, and nothing is released.
 */
export async function releaseLeasesOfAbsentObjects(deps: ReleaseExpiredLeasesDeps): Promise<number> {
  const { ledger, clusterId, actor, logger } = deps;
  // Read before the list, so an address that is allocated later cannot be among these.
  const expired = await expiredLeases(ledger, clusterId, LEASES_PER_ROUND);
  const consumed = await expiredConsumers(ledger, clusterId, LEASES_PER_ROUND);
  if (expired.length === 0 && consumed.length === 0) return 0;
  const inUse = addressesAndLeasesOf(await listLiveWorkloads(deps));
  const why = { actor, reason: 'no object was stored with it' };
  const unused = consumed.flatMap(({ mac, owner, consumer }) =>
    consumer === undefined ||
    inUse.has(placeOf({ namespace: owner?.namespace, kind: consumer.kind }, mac)) ||
    inUse.has(consumer.key)
      ? []
      : [{ mac, consumerKey: consumer.key }],
  );
  if (unused.length > 0) await dropConsumer(ledger, unused, why);
  const unstored = expired.filter(({ mac, owner, key }) => !inUse.has(placeOf(owner ?? {}, mac)) && !inUse.has(key));
  const outcomes = unstored.length === 0 ? [] : await releaseExpired(ledger, unstored, why);
  const released = outcomes.filter(({ outcome }) => outcome === 'released').length;
  if (released + unused.length > 0) {
    logger.info({ expired: expired.length, released, claims: unused.length }, 'released expired leases');
  }
  return released;
}

/** Returns the places where these objects use addresses, and the holder keys of their lease ids. */
function addressesAndLeasesOf(objects: readonly LiveWorkload[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { workload, kind } of objects) {
    const { namespace } = workload.metadata;
    for (const mac of workload.uses) found.add(placeOf({ namespace, kind: kind.resource.kind }, mac));
    for (const { nic } of workload.nics) if (workload.lease !== undefined) found.add(leaseKey(workload.lease, nic));
  }
  return found;
}

function placeOf(
  { namespace = '', kind = '' }: { readonly namespace?: string | undefined; readonly kind?: string | undefined },
  mac: MacAddress,
): string {
  return `${namespace}/${kind}/${mac}`;
}
