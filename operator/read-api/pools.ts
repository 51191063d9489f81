import type { PoolObject } from '../../api/ledger-view.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { encodePool } from '../../ledger/view/pool-view.ts';
import { type ReadApiResource, toPage } from './read-api-resource.ts';
import { exactValue } from './selector-values.ts';
import type { TableColumn } from './table.ts';

/** The pools of the ledger, by name. There are few, so every page reads all of them. */
export const pools: ReadApiResource<PoolObject> = {
  fields: ['metadata.name'],
  orders: ['name'],
  columns,
  list: async (db, { terms, limit, after }) => {
    const name = exactValue(terms, 'metadata.name');
    const selected = (await poolStats(db))
      .filter(({ pool }) => (name === undefined || pool === name) && (after === undefined || pool > after))
      .sort((a, b) => (a.pool < b.pool ? -1 : 1));
    return toPage(selected, limit, { encode: encodePool, endAt: ({ pool }) => pool });
  },
  get: async (db, name) => {
    const found = (await poolStats(db)).find(({ pool }) => pool === name);
    return found === undefined ? undefined : encodePool(found);
  },
};

function columns(): readonly TableColumn<PoolObject>[] {
  const count = (name: string, description: string, cell: (pool: PoolObject) => number, wide = false) => {
    return { name, type: 'integer' as const, description, cell, wide };
  };
  return [
    { name: 'Name', type: 'string', description: 'The pool.', cell: ({ metadata }) => metadata.name },
    { name: 'First', type: 'string', description: 'First address.', cell: ({ first }) => first },
    { name: 'Last', type: 'string', description: 'Last address.', cell: ({ last }) => last },
    count('Active', 'Addresses held by an object or a device.', ({ active }) => active),
    count('Reserved', 'Addresses held until they are released with --force.', ({ reserved }) => reserved),
    count('Free', 'Addresses that nobody holds.', ({ free }) => free),
    {
      name: 'Used',
      type: 'string',
      description: 'Share of the range that is held.',
      cell: ({ utilisation }) => `${String(utilisation)}%`,
    },
    count('Pending', 'Allocated addresses whose object has not been seen yet.', ({ pending }) => pending, true),
    count('Stocked', 'Addresses that are set aside for webhooks.', ({ stocked }) => stocked ?? 0, true),
    count('Released', 'Released addresses.', ({ released }) => released, true),
    count('Orphaned', 'Addresses whose owner may or may not still exist.', ({ orphaned }) => orphaned, true),
    {
      name: 'Paused',
      type: 'string',
      description: 'Whether the pool allocates no addresses.',
      wide: true,
      cell: ({ paused }) => String(paused),
    },
  ];
}
