import type { ObservationObject } from '../../api/ledger-view.ts';
import { listObservations, observationMark } from '../../ledger/observation/list-observations.ts';
import { encodeObservation, observationName } from '../../ledger/view/observation-view.ts';
import { parseAnyMac } from '../../mac/mac-address.ts';
import { type ReadApiResource, toPage } from './read-api-resource.ts';
import { exactValue, macValue, timeValue } from './selector-values.ts';
import { formatAge, type TableColumn } from './table.ts';

/** How many interfaces may use one address for `get` to find each. */
const MOST_USERS = 10_000;

/** The addresses that live objects use without owning them, of any prefix. One object for each interface. */
export const observations: ReadApiResource<ObservationObject> = {
  fields: ['mac', 'pool', 'object.clusterId', 'object.kind', 'object.namespace', 'object.name', 'since'],
  orders: ['address'],
  columns,
  list: async (db, { terms, limit, after }) => {
    const pool = exactValue(terms, 'pool');
    const found = await listObservations(db, {
      mac: macValue(terms, 'mac'),
      pools: pool === undefined ? undefined : [pool],
      clusterId: exactValue(terms, 'object.clusterId'),
      kind: exactValue(terms, 'object.kind'),
      namespace: exactValue(terms, 'object.namespace'),
      name: exactValue(terms, 'object.name'),
      since: timeValue(terms, 'since'),
      after,
      limit: limit + 1,
    });
    return toPage(found, limit, { encode: encodeObservation, endAt: observationMark });
  },
  get: async (db, name) => {
    const mac = parseAnyMac(name.slice(0, 17));
    const found = mac === undefined ? [] : await listObservations(db, { mac, limit: MOST_USERS });
    const named = found.find((each) => observationName(each) === name);
    return named === undefined ? undefined : encodeObservation(named);
  },
};

function columns(now: Date): readonly TableColumn<ObservationObject>[] {
  return [
    {
      name: 'Name',
      type: 'string',
      description: 'The name of the observation.',
      cell: ({ metadata }) => metadata.name,
    },
    { name: 'MAC', type: 'string', description: 'The address.', cell: ({ mac }) => mac },
    {
      name: 'Object',
      type: 'string',
      description: 'The object that uses the address.',
      cell: ({ object: { kind, namespace, name } }) => `${kind} ${namespace}/${name}`,
    },
    { name: 'Interface', type: 'string', description: 'Its interface.', cell: ({ object }) => object.nic },
    {
      name: 'Running',
      type: 'string',
      description: 'Whether the object runs.',
      cell: ({ running }) => String(running),
    },
    {
      name: 'Age',
      type: 'string',
      description: 'Time since it was seen first.',
      cell: ({ since }) => formatAge(new Date(since), now),
    },
    { name: 'Pool', type: 'string', description: 'The pool of the address.', wide: true, cell: ({ pool }) => pool },
    {
      name: 'Segment',
      type: 'string',
      description: 'Where its network lies.',
      wide: true,
      cell: ({ segment }) => segment,
    },
    {
      name: 'Cluster',
      type: 'string',
      description: 'The cluster of the object.',
      wide: true,
      cell: ({ object }) => object.clusterId,
    },
  ];
}
