import type { LedgerClient } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { poolStats, type PoolStats } from '../../ledger/pool/pool-stats.ts';
import { valueOf } from './selected-values.ts';
import type { TableColumn } from './table.ts';
import { pageOf, type ViewResource } from './view-resource.ts';

/** The pools of the ledger, by name. There are few, so that a page is cut from all of them. */
export const pools: ViewResource<LedgerClient> = {
  fields: ['metadata.name'],
  orders: ['name'],
  columns,
  list: async (db, { terms, limit, after }) => {
    const name = valueOf(terms, 'metadata.name');
    const shown = (await poolStats(db))
      .filter(({ pool }) => (name === undefined || pool === name) && (after === undefined || pool > after))
      .sort((a, b) => (a.pool < b.pool ? -1 : 1));
    return pageOf(shown, limit, { show, endAt: ({ pool }) => pool });
  },
  get: async (db, name) => {
    const found = (await poolStats(db)).find(({ pool }) => pool === name);
    return found === undefined ? undefined : show(found);
  },
};

function show({ pool, ...counts }: PoolStats): LedgerClient {
  return { apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`, kind: 'Pool', metadata: { name: pool }, ...counts };
}

function columns(): readonly TableColumn<LedgerClient>[] {
  const count = (name: string, description: string, cell: (pool: LedgerClient) => number, wide = false) => {
    return { name, type: 'integer' as const, description, cell, wide };
  };
  return [
    { name: 'Name', type: 'string', description: 'The pool.', cell: ({ metadata }) => metadata.name },
    { name: 'First', type: 'string', description: 'First address.', cell: ({ first }) => first },
    { name: 'Last', type: 'string', description: 'Last address.', cell: ({ last }) => last },
    count('Active', 'Held by an object or a device.', ({ active }) => active),
    count('Reserved', 'Held until released by force.', ({ reserved }) => reserved),
    count('Free', 'Not held.', ({ free }) => free),
    {
      name: 'Used',
      type: 'string',
      description: 'Share of the range that is held.',
      cell: ({ utilisation }) => `${String(utilisation)}%`,
    },
    count('Pending', 'Handed out, not seen yet.', ({ pending }) => pending, true),
    count('Released', 'Given up.', ({ released }) => released, true),
    count('Orphaned', 'Of an owner that cannot be confirmed dead.', ({ orphaned }) => orphaned, true),
    {
      name: 'Paused',
      type: 'string',
      description: 'Whether it hands out nothing.',
      wide: true,
      cell: ({ paused }) => String(paused),
    },
  ];
}
