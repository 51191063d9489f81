import type { PoolHourObject } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { poolHistory, type PoolHour } from '../../ledger/pool/history.ts';
import { wholeSeconds } from '../../ledger/view/address-view.ts';
import { invalidContinueToken } from './continue-token.ts';
import { type ReadApiResource, toPage } from './read-api-resource.ts';
import { exactValue, timeValue } from './selector-values.ts';
import type { TableColumn } from './table.ts';

/** What happened in each hour of the pools, by pool and time. The name is that of the pool and the hour: `docker.2026013109`. */
export const poolHours: ReadApiResource<PoolHourObject> = {
  fields: ['pool', 'since'],
  orders: ['time'],
  columns,
  list: async (db, { terms, limit, after }) => {
    const filter = { pool: exactValue(terms, 'pool'), since: timeValue(terms, 'since'), limit: limit + 1 };
    const position = after === undefined ? undefined : parseName(after);
    if (after !== undefined && position === undefined) throw invalidContinueToken();
    return toPage(await poolHistory(db, { ...filter, after: position }), limit, { encode, endAt: nameOf });
  },
  get: async (db, name) => {
    const position = parseName(name);
    if (position === undefined) return undefined;
    const { pool, hour } = position;
    const found = await poolHistory(db, { pool, since: hour });
    const match = found.find((each) => each.hour.getTime() === hour.getTime());
    return match === undefined ? undefined : encode(match);
  },
};

function encode(hour: PoolHour): PoolHourObject {
  const { pool, held, handedOut, released } = hour;
  return {
    apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`,
    kind: 'PoolHour',
    metadata: { name: nameOf(hour), creationTimestamp: wholeSeconds(hour.hour) },
    pool,
    hour: hour.hour.toISOString(),
    held,
    handedOut,
    released,
  };
}

function nameOf({ pool, hour }: Pick<PoolHour, 'pool' | 'hour'>): string {
  return `${pool}.${hour.toISOString().slice(0, 13).replaceAll(/\D/g, '')}`;
}

function parseName(name: string): Pick<PoolHour, 'pool' | 'hour'> | undefined {
  const [, pool = '', year = '', month = '', day = '', hour = ''] =
    /^(.+)\.(\d{4})(\d\d)(\d\d)(\d\d)$/.exec(name) ?? [];
  const moment = new Date(`${year}-${month}-${day}T${hour}:00:00Z`);
  return Number.isNaN(moment.getTime()) ? undefined : { pool, hour: moment };
}

function columns(): readonly TableColumn<PoolHourObject>[] {
  return [
    { name: 'Name', type: 'string', description: 'The pool and the hour.', cell: ({ metadata }) => metadata.name },
    { name: 'Pool', type: 'string', description: 'The pool.', cell: ({ pool }) => pool },
    { name: 'Hour', type: 'string', description: 'The beginning of the hour.', cell: ({ hour }) => hour },
    { name: 'Held', type: 'integer', description: 'Held addresses at its end.', cell: ({ held }) => held },
    { name: 'Out', type: 'integer', description: 'Addresses with a new owner.', cell: ({ handedOut }) => handedOut },
    { name: 'Released', type: 'integer', description: 'Released addresses.', cell: ({ released }) => released },
  ];
}
