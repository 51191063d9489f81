import type { ClusterObject } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import type { Queryable } from '../connection/statement.ts';
import { type ClusterCounts, clusterCounts } from '../state/cluster-counts.ts';
import { type Cluster, listClusters } from '../state/clusters.ts';
import { wholeSeconds } from './address-view.ts';

/** A cluster with its counts. */
export type ClusterView = Cluster & ClusterCounts;

/** Returns all clusters with their counts, in the order of registration. Reads every held address. */
export async function clusterViews(db: Queryable): Promise<ClusterView[]> {
  const counts = new Map((await clusterCounts(db)).map((each) => [each.clusterId, each]));
  return (await listClusters(db)).map((cluster) => {
    const { clusterId } = cluster;
    const none = { clusterId, addresses: 0, orphaned: 0, objects: 0, observed: 0 };
    return { ...cluster, ...(counts.get(clusterId) ?? none) };
  });
}

/** Returns the object of the read API for a cluster. Its name is the id of the cluster. */
export function encodeCluster({ clusterId, name: clusterName, ...view }: ClusterView): ClusterObject {
  return {
    apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`,
    kind: 'Cluster',
    metadata: { name: clusterId, creationTimestamp: wholeSeconds(view.registeredAt) },
    clusterName,
    ...view,
    registeredAt: view.registeredAt.toISOString(),
    adoptedAt: view.adoptedAt?.toISOString(),
    lastResyncAt: view.lastResyncAt?.toISOString(),
    retiredAt: view.retiredAt?.toISOString(),
    sharedSince: view.sharedSince?.toISOString(),
  };
}
