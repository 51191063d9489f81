import { adopt } from '../ledger/adopt.ts';
import { listClusters, markAdopted, registerCluster } from '../ledger/clusters.ts';
import { boundKey } from '../ledger/holder-key.ts';
import type { OperatorContext } from './context.ts';
import { carriesOurAddress, nicsOf } from './pod-controller.ts';
import { pods } from './resources.ts';

/** Rows of one call. */
const AT_ONCE = 500;

/**
 * Before a cluster may allocate, every address under our prefix that its live objects carry is written into the ledger,
 * so that none of them is given to somebody else. Done once: the ledger remembers it. What another cluster holds already
 * is a duplicate that is older than the installation; it is reported and left to people.
 */
export async function makeFirstContact(name: string, context: OperatorContext): Promise<void> {
  const { ledger, client, clusterId, actor, logger, prefix } = context;
  await registerCluster(ledger, { clusterId, name }, actor);
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (known?.adoptedAt !== undefined) return;

  const { items } = await client.list(pods, { keep: (pod) => carriesOurAddress(pod, prefix) });
  const carried = items.flatMap((pod) =>
    nicsOf(pod, prefix).map(({ nic, mac }) => {
      const { namespace = '', name: podName, uid } = pod.metadata;
      return {
        mac,
        key: boundKey({ clusterId, uid, nic, mac }),
        owner: { clusterId, kind: 'Pod', namespace, name: podName, uid, nic },
        requester: actor,
        reason: 'in use before the installation',
      };
    }),
  );
  for (let start = 0; start < carried.length; start += AT_ONCE) {
    const group = carried.slice(start, start + AT_ONCE);
    const outcomes = await adopt(ledger, group, actor);
    for (const [index, { outcome }] of outcomes.entries()) {
      if (outcome !== 'held' && outcome !== 'adopted')
        logger.warn({ ...group[index]?.owner, mac: group[index]?.mac, outcome }, 'address in use is not free');
    }
  }
  await markAdopted(ledger, clusterId, actor);
  logger.info({ clusterId, addresses: carried.length }, 'recorded the addresses in use; the cluster may allocate');
}
