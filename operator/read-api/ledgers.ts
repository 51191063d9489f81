import type { LedgerObject } from '../../api/ledger-view.ts';
import { encodeLedger, type LedgerView, readLedgerView } from '../../ledger/view/ledger-view.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { type ReadApiResource, toPage } from './read-api-resource.ts';
import { exactValue } from './selector-values.ts';
import { formatAge, type TableColumn } from './table.ts';

/** The ledger: one object, named by the id of the ledger. */
export const ledgers: ReadApiResource<LedgerObject> = {
  fields: ['metadata.name'],
  orders: ['name'],
  columns,
  list: async (db, { terms, limit, after }) => {
    const name = exactValue(terms, 'metadata.name');
    const view = await readLedgerView(db);
    const { ledgerId } = view.state;
    const isOnPage = ledgerId === (name ?? ledgerId) && after === undefined;
    return toPage(isOnPage ? [view] : [], limit, { encode, endAt: () => ledgerId });
  },
  get: async (db, name) => {
    const view = await readLedgerView(db);
    return view.state.ledgerId === name ? encode(view) : undefined;
  },
};

/** Returns the object of the ledger, with the version of this program: who may not see pods reads it here. */
function encode(view: LedgerView): LedgerObject {
  return { ...encodeLedger(view), operatorVersion: packageJson.version };
}

function columns(now: Date): readonly TableColumn<LedgerObject>[] {
  return [
    { name: 'Name', type: 'string', description: 'The id of the ledger.', cell: ({ metadata }) => metadata.name },
    { name: 'Mode', type: 'string', description: 'open, recovering or paused.', cell: ({ mode }) => mode },
    { name: 'Epoch', type: 'integer', description: 'Increases at every recovery.', cell: ({ epoch }) => epoch },
    { name: 'Unsealed', type: 'integer', description: 'Audit rows in no seal.', cell: ({ unsealed }) => unsealed },
    {
      name: 'Sealed',
      type: 'string',
      description: 'Time since the last seal.',
      cell: ({ lastSeal }) => formatAge(lastSeal === undefined ? undefined : new Date(lastSeal.sealedAt), now),
    },
    {
      name: 'Postgres',
      type: 'string',
      description: 'Its version.',
      wide: true,
      cell: (ledger) => ledger.postgresVersion,
    },
    {
      name: 'Closed',
      type: 'string',
      description: 'Why it hands out no addresses.',
      wide: true,
      cell: ({ closed }) => closed,
    },
  ];
}
