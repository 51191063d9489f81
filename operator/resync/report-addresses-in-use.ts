import { parseDuration } from '../../api/duration.ts';
import { adopt, type AdoptItem } from '../../ledger/address/adopt.ts';
import { takeConsumer } from '../../ledger/address/consumer.ts';
import { findByMacs } from '../../ledger/address/find-by-macs.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { parseMac } from '../../mac/mac-address.ts';
import { consumerItem, liveAddresses } from '../workload/reconcile.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { inGroups } from './in-groups.ts';
import { listLiveWorkloads } from '../workload/list-live.ts';
import { isMirror } from '../mirror/mirror.ts';
import { liveKey, classify, type LiveAddress } from '../workload/classify.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';

/** Rows of one call. */
const AT_ONCE = 500;

/**
 * Writes into the ledger what every live object and every claim of this cluster holds: before the cluster may allocate for
 * the first time, and after the ledger may have forgotten something. Works while the ledger hands out nothing.
 *
 * What another owner holds already is left to it: it is an address that is being bound, or a duplicate that is older than
 * the installation, which the resync reports. Where it is a claim of which this is the consumer, that is written down too:
 * else the claim looks unused, and could be released or be given to a second.
 */
export async function reportAddressesInUse(reason: string, context: OperatorDeps): Promise<number> {
  const { ledger, client, actor, logger } = context;
  const claims = (await client.list(macAllocations, { keep: (each) => !isMirror(each) })).items;
  const objects = await listLiveWorkloads(context);
  const carried = objects.flatMap(({ workload, kind }) => liveAddresses(workload, kind, context));
  // Claims first: what a pod carries of a claim must not become the pod's own.
  const items = [
    ...claims.flatMap((claim) => claimItem(claim, reason, context)),
    ...carried.map((address): AdoptItem => ({
      mac: address.mac,
      key: liveKey(address),
      owner: address.owner,
      requester: actor,
      reason,
    })),
  ];
  for (const group of inGroups(items, AT_ONCE)) {
    for (const [index, { outcome }] of (await adopt(ledger, group, actor)).entries()) {
      const { mac, owner } = group[index] ?? {};
      if (outcome !== 'held' && outcome !== 'adopted')
        logger.info({ ...owner, mac, outcome }, 'address in use is not free');
    }
  }
  for (let start = 0; start < carried.length; start += AT_ONCE) {
    await assertConsumers(carried.slice(start, start + AT_ONCE), context);
  }
  return items.length;
}

async function assertConsumers(carried: readonly LiveAddress[], { ledger, actor }: OperatorDeps): Promise<void> {
  const macs = carried.map(({ mac }) => mac);
  const rows = new Map((await findByMacs(ledger, macs)).map((row) => [row.mac, row]));
  const items = carried.flatMap((address) => {
    const row = rows.get(address.mac);
    return row !== undefined && classify(address, row) === 'claimed' ? [consumerItem(address, row)] : [];
  });
  if (items.length > 0) await takeConsumer(ledger, items, { actor });
}

/** What a claim shows in its status, as the ledger takes it; nothing while it has no address. */
export function claimItem(
  claim: MacAllocation,
  reason: string,
  { clusterId, actor }: Pick<OperatorDeps, 'clusterId' | 'actor'>,
): AdoptItem[] {
  const { namespace = '', name, uid } = claim.metadata;
  const { device, attributes, reserved = false, expiresAfter } = claim.spec;
  const parsed = parseMac(claim.status?.mac ?? '');
  if (!parsed.ok) return [];
  return [
    {
      mac: parsed.mac,
      key: claimKey({ clusterId, uid }),
      owner: { clusterId, kind: 'MacAllocation', namespace, name, uid, nic: '' },
      state: reserved ? 'reserved' : 'active',
      device,
      metadata: attributes,
      ttlSeconds: reserved || expiresAfter === undefined ? undefined : parseDuration(expiresAfter),
      requester: actor,
      reason,
    },
  ];
}
