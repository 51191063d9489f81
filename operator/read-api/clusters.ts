import type { ClusterObject } from '../../api/ledger-view.ts';
import { clusterViews, encodeCluster } from '../../ledger/view/cluster-view.ts';
import { type ReadApiResource, toPage } from './read-api-resource.ts';
import { exactValue } from './selector-values.ts';
import { formatAge, type TableColumn } from './table.ts';

/** The clusters of the ledger, by id, with what they hold. There are few, so every page reads all of them. */
export const clusters: ReadApiResource<ClusterObject> = {
  fields: ['metadata.name', 'clusterName'],
  orders: ['name'],
  columns,
  list: async (db, { terms, limit, after }) => {
    const id = exactValue(terms, 'metadata.name');
    const clusterName = exactValue(terms, 'clusterName');
    const selected = (await clusterViews(db))
      .filter(({ clusterId, name }) => clusterId === (id ?? clusterId) && name === (clusterName ?? name))
      .filter(({ clusterId }) => after === undefined || clusterId > after)
      .sort((a, b) => (a.clusterId < b.clusterId ? -1 : 1));
    return toPage(selected, limit, { encode: encodeCluster, endAt: ({ clusterId }) => clusterId });
  },
  get: async (db, name) => {
    const found = (await clusterViews(db)).find(({ clusterId }) => clusterId === name);
    return found === undefined ? undefined : encodeCluster(found);
  },
};

function columns(now: Date): readonly TableColumn<ClusterObject>[] {
  const ageOf = (moment: string | undefined) => formatAge(moment === undefined ? undefined : new Date(moment), now);
  const count = (name: string, description: string, cell: (cluster: ClusterObject) => number, wide = false) => {
    return { name, type: 'integer' as const, description, cell, wide };
  };
  return [
    { name: 'Name', type: 'string', description: 'The id of the cluster.', cell: ({ metadata }) => metadata.name },
    {
      name: 'Cluster',
      type: 'string',
      description: 'The name of the cluster.',
      cell: ({ clusterName }) => clusterName,
    },
    count('Addresses', 'Addresses that it holds.', ({ addresses }) => addresses),
    count('Orphaned', 'How many of them are orphaned.', ({ orphaned }) => orphaned),
    {
      name: 'Resync',
      type: 'string',
      description: 'Time since its last resync.',
      cell: ({ lastResyncAt }) => ageOf(lastResyncAt),
    },
    {
      name: 'Age',
      type: 'string',
      description: 'Time since it registered.',
      cell: ({ registeredAt }) => ageOf(registeredAt),
    },
    count('Objects', 'Objects that hold addresses.', ({ objects }) => objects, true),
    count('Observed', 'Addresses that its objects use without owning them.', ({ observed }) => observed, true),
    count('Epoch', 'The last epoch in which it reported its addresses.', ({ reportedEpoch }) => reportedEpoch, true),
    {
      name: 'Retired',
      type: 'string',
      description: 'Time since it was retired.',
      wide: true,
      cell: ({ retiredAt }) => ageOf(retiredAt),
    },
    {
      name: 'Shared',
      type: 'string',
      description: 'Time since another control plane with its identity waits for a decision.',
      wide: true,
      cell: ({ sharedSince }) => ageOf(sharedSince),
    },
  ];
}
