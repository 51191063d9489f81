import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import { adopt, type AdoptItem } from '../../ledger/address/adopt.ts';
import { takeConsumer } from '../../ledger/address/consumer.ts';
import { adoptItemOf } from '../claim/ledger-items.ts';
import { consumerItem } from '../claim/take-claim.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { isMirror } from '../mirror/mirror.ts';
import { classify } from '../workload/classify.ts';
import { listLiveWorkloads } from '../workload/list-live.ts';
import { liveAddresses, liveKey, type LiveAddress } from '../workload/live-address.ts';
import { findRowsByMac, inBatches } from './batches.ts';

export type ReportAddressesDeps = Pick<OperatorDeps, 'ledger' | 'client' | 'kinds' | 'clusterId' | 'actor' | 'logger'>;

/**
 * Writes into the ledger the addresses of all live objects and claims of this cluster, and returns their number. Runs
 * before the cluster may allocate for the first time, and after the ledger may have lost rows. Works while the ledger is
 * closed for allocations.
 *
 * An address that another owner holds is left alone. It is being bound, or it is a duplicate older than the installation,
 * which the resync reports. If a claim holds it and the object may use that claim, the object is recorded as the consumer.
 * Otherwise the claim would look unused, and could be released or given to a second object.
 */
export async function reportAddressesInUse(reason: string, deps: ReportAddressesDeps): Promise<number> {
  const { ledger, client, actor, logger } = deps;
  const claims = (await client.list(macAllocations, { keep: (each) => !isMirror(each) })).items;
  const objects = await listLiveWorkloads(deps);
  const addresses = objects.flatMap(({ workload, kind }) => liveAddresses(workload, kind, deps));
  // Claims come first: a pod must not become the owner of a claim's address.
  const items = [
    ...claims.flatMap((claim: MacAllocation) => adoptItemOf(claim, reason, deps) ?? []),
    ...addresses.map((address): AdoptItem => ({
      mac: address.mac,
      key: liveKey(address),
      owner: address.owner,
      requester: actor,
      reason,
    })),
  ];
  for (const batch of inBatches(items)) {
    for (const [index, { outcome }] of (await adopt(ledger, batch, actor)).entries()) {
      const { mac, owner } = batch[index] ?? {};
      if (outcome !== 'held' && outcome !== 'adopted') {
        logger.info({ ...owner, mac, outcome }, 'address in use is not free');
      }
    }
  }
  for (const batch of inBatches(addresses)) await recordConsumers(batch, deps);
  return items.length;
}

async function recordConsumers(
  addresses: readonly LiveAddress[],
  deps: Pick<OperatorDeps, 'ledger' | 'actor'>,
): Promise<void> {
  const rows = await findRowsByMac(
    addresses.map(({ mac }) => mac),
    deps,
  );
  const items = addresses.flatMap((address) => {
    const row = rows.get(address.mac);
    return row !== undefined && classify(address, row) === 'claimed' ? [consumerItem(address, row)] : [];
  });
  if (items.length > 0) await takeConsumer(deps.ledger, items, { actor: deps.actor });
}
