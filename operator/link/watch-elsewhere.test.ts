import { expect, test } from 'vitest';
import type { Change } from '../../kube/controller/object-cache.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { mac, type MacAddress, numberToMac } from '../../mac/mac-address.ts';
import { createTrigger } from '../controller/sources.ts';
import type { Workload } from '../live/workload.ts';
import { createAppeared } from './appeared.ts';
import type { LinkUser } from './on-link.ts';
import { createElsewhereWatch } from './watch-elsewhere.ts';

const MAC = mac('a4:58:0f:05:00:01');

function aPod(macs: readonly MacAddress[]): Workload {
  const onWire = macs.map((each) => ({ name: 'net1', mac: each }));
  return { metadata: { name: 'late', uid: 'u1', resourceVersion: '1' }, nics: [], uses: macs, onWire };
}

/** A watch, what it has read again, and the objects of this cluster. `shared` is what the ledger says first. */
function aWatch({ shared = [], known = [] }: { shared?: readonly MacAddress[]; known?: readonly MacAddress[] }) {
  const workloads = createTrigger<Change<Workload>>();
  const running = new Set<MacAddress>();
  const read: MacAddress[][] = [];
  const state = { isDown: false };
  const answers = [shared];
  const ledger = {
    query: () => {
      const addresses = answers.shift() ?? [];
      return Promise.resolve((addresses.length === 0 ? [null] : addresses).map((addr) => ({ now: new Date(0), addr })));
    },
  } as unknown as Queryable;
  const watch = createElsewhereWatch({
    ledger: ledger as Parameters<typeof createElsewhereWatch>[0]['ledger'],
    clusterId: 'c1',
    onLink: { usersOf: (each) => (running.has(each) ? [{} as LinkUser] : []) },
    elsewhere: {
      known: () => known,
      refresh: (macs) => {
        if (state.isDown) return Promise.reject(new Error('the ledger is down'));
        read.push([...macs]);
        return Promise.resolve();
      },
    },
    appeared: createAppeared([workloads]),
  });
  return {
    watch,
    read,
    state,
    start: (macs: readonly MacAddress[]) => {
      for (const each of macs) running.add(each);
      workloads.fire({ type: 'updated', object: aPod(macs), before: aPod([]) });
    },
    touch: (macs: readonly MacAddress[]) => {
      workloads.fire({ type: 'updated', object: aPod(macs), before: aPod(macs) });
      workloads.fire({ type: 'resync', object: aPod(macs) });
    },
  };
}

test('an address whose object here starts after the change elsewhere is read when it starts, once', async () => {
  const { watch, read, start, touch } = aWatch({ shared: [MAC] });
  await watch();
  await watch();
  start([MAC]);
  await watch();
  touch([MAC]);
  await watch();
  expect(read).toEqual([[], [], [MAC], []]);
});

test('an address that started while the ledger was down is read afterwards', async () => {
  const { watch, read, state, start } = aWatch({});
  start([MAC]);
  state.isDown = true;
  await expect(watch()).rejects.toThrow('the ledger is down');
  state.isDown = false;
  await watch();
  expect(read).toEqual([[MAC]]);
});

test('of thousands that start at once, the first are read, and then others again', async () => {
  const many = Array.from({ length: 5_001 }, (_, index) => numberToMac(index * 256));
  const { watch, read, start } = aWatch({});
  start(many);
  await watch();
  start([MAC]);
  await watch();
  expect(read.map(({ length }) => length)).toEqual([5_000, 1]);
});

test('all shared addresses are read again in turn', async () => {
  const known = Array.from({ length: 1_200 }, (_, index) => numberToMac(index * 256));
  const { watch, read } = aWatch({ known });
  for (let round = 0; round < 4; round++) await watch();
  expect(read).toEqual([known.slice(0, 500), known.slice(500, 1_000), known.slice(1_000), known.slice(0, 500)]);
});
