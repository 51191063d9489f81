import { dropConsumer, expiredConsumers } from '../../ledger/address/consumer.ts';
import { expiredLeases, releaseExpiredLeases } from '../../ledger/address/expired-leases.ts';
import { leaseKey } from '../../ledger/address/holder-key.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { listLiveWorkloads, type LiveWorkload } from '../workload/list-live.ts';

/** Leases looked at in one round. What is over this is looked at in the next. */
const AT_ONCE = 1_000;

/**
 * Gives back the addresses, and the claims, of creates that failed after admission: a quota, another webhook, a name that
 * was taken.
 *
 * The lease alone is no proof, since a create may take long and its watch event longer. So all objects that could carry
 * an address are listed first, in a read that the API server answers from the store and not from its cache, and only what
 * none of them carries (neither the address nor the lease) is given back. Any error ends the round with nothing given back.
 */
export async function releaseLeasesOfAbsentObjects(context: OperatorDeps): Promise<number> {
  const { ledger, clusterId, actor, logger } = context;
  // Before the list: an address that is handed out after it cannot be among these.
  const expired = await expiredLeases(ledger, clusterId, AT_ONCE);
  const consumed = await expiredConsumers(ledger, clusterId, AT_ONCE);
  if (expired.length === 0 && consumed.length === 0) return 0;
  const carried = usedBy(await listLiveWorkloads(context));
  const why = { actor, reason: 'no object was stored with it' };
  const unused = consumed.flatMap(({ mac, consumer }) =>
    consumer === undefined || carried.has(mac) || carried.has(consumer.key) ? [] : [{ mac, consumerKey: consumer.key }],
  );
  if (unused.length > 0) await dropConsumer(ledger, unused, why);
  const dead = expired.filter((row) => !carried.has(row.mac) && !carried.has(row.key));
  const outcomes = dead.length === 0 ? [] : await releaseExpiredLeases(ledger, dead, why);
  const released = outcomes.filter(({ outcome }) => outcome === 'released').length;
  if (released + unused.length > 0) {
    logger.info({ expired: expired.length, released, claims: unused.length }, 'gave expired leases back');
  }
  return released;
}

/** Addresses, and the keys of the questions for them. */
function usedBy(objects: readonly LiveWorkload[]): ReadonlySet<string> {
  const carried = new Set<string>();
  for (const { workload } of objects) {
    for (const mac of workload.observed) carried.add(mac);
    for (const { nic } of workload.nics) if (workload.lease !== undefined) carried.add(leaseKey(workload.lease, nic));
  }
  return carried;
}
