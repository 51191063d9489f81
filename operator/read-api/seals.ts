import type { SealObject } from '../../api/ledger-view.ts';
import { listSeals } from '../../ledger/seal/seal-list.ts';
import { encodeSeal } from '../../ledger/view/ledger-view.ts';
import { invalidContinueToken } from './continue-token.ts';
import { parseId, type ReadApiResource, toPage } from './read-api-resource.ts';
import { formatAge, type TableColumn } from './table.ts';

/** The seals over the audit, named by their numbers, the newest first. */
export const seals: ReadApiResource<SealObject> = {
  fields: [],
  orders: ['newest'],
  columns,
  list: async (db, { limit, after }) => {
    const before = after === undefined ? undefined : parseId(after);
    if (after !== undefined && before === undefined) throw invalidContinueToken();
    const found = await listSeals(db, { before, limit: limit + 1 });
    return toPage(found, limit, { encode: encodeSeal, endAt: ({ seq }) => String(seq) });
  },
  get: async (db, name) => {
    const seq = parseId(name);
    if (seq === undefined) return undefined;
    const [seal] = await listSeals(db, { before: seq + 1, limit: 1 });
    return seal?.seq === seq ? encodeSeal(seal) : undefined;
  },
};

function columns(now: Date): readonly TableColumn<SealObject>[] {
  return [
    { name: 'Name', type: 'string', description: 'The number of the seal.', cell: ({ metadata }) => metadata.name },
    { name: 'Epoch', type: 'integer', description: 'The epoch of the ledger.', cell: ({ epoch }) => epoch },
    { name: 'Rows', type: 'integer', description: 'Audit rows that it seals.', cell: ({ rows }) => rows },
    {
      name: 'Age',
      type: 'string',
      description: 'Time since it was made.',
      cell: ({ sealedAt }) => formatAge(new Date(sealedAt), now),
    },
    { name: 'Hash', type: 'string', description: 'Its hash.', cell: ({ hash }) => hash },
    {
      name: 'Fork',
      type: 'string',
      description: 'Whether it is the first after a recovery.',
      wide: true,
      cell: ({ isFork }) => String(isFork),
    },
  ];
}
