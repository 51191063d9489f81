import { ANNOTATIONS } from '../api/names.ts';
import { expiredLeases, releaseExpiredLeases } from '../ledger/expired-leases.ts';
import { leaseKey } from '../ledger/holder-key.ts';
import type { OperatorContext } from './context.ts';
import { nicsOf } from './pod-controller.ts';
import { pods } from './resources.ts';

/** Leases looked at in one round. What is over this is looked at in the next. */
const AT_ONCE = 1_000;

/**
 * Gives back the addresses of creates that failed after admission: a quota, another webhook, a name that was taken.
 *
 * The lease alone is no proof, since a create may take long and its watch event longer. So all pods are listed first,
 * in a read that the API server answers from the store and not from its cache, and only what no pod carries (neither the
 * address nor the lease) is given back. Any error ends the round with nothing given back.
 */
export async function giveBackExpiredLeases(context: OperatorContext): Promise<number> {
  const { ledger, client, clusterId, actor, logger, prefix } = context;
  // Before the list: an address that is handed out after it cannot be among these.
  const expired = await expiredLeases(ledger, clusterId, AT_ONCE);
  if (expired.length === 0) return 0;
  const { items } = await client.list(pods, { keep: (pod) => pod.metadata.annotations !== undefined });
  const carried = new Set<string>();
  for (const pod of items) {
    const lease = pod.metadata.annotations?.[ANNOTATIONS.lease];
    for (const { nic, mac } of nicsOf(pod, prefix)) {
      carried.add(mac);
      if (lease !== undefined) carried.add(leaseKey(lease, nic));
    }
  }
  const dead = expired.filter((row) => !carried.has(row.mac) && !carried.has(row.key));
  if (dead.length === 0) return 0;
  const outcomes = await releaseExpiredLeases(ledger, dead, { actor, reason: 'no object was stored with it' });
  const released = outcomes.filter(({ outcome }) => outcome === 'released').length;
  logger.info({ expired: expired.length, released }, 'gave expired leases back');
  return released;
}
