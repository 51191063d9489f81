import { pino } from 'pino';
import { expect, test } from 'vitest';
import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import { KubeError } from '../../kube/client/errors.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { Statement } from '../../ledger/connection/statement.ts';
import { macToNumber, numberToMac } from '../../mac/mac-address.ts';
import type { WorkloadKind } from '../live/workload.ts';
import { findEndedSticky, releaseEndedSticky, type ReleaseUnusedDeps } from './release-unused.ts';
import { createUnusedCursor } from './unused-cursor.ts';

const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web' };

/** The rows of pods `0`, `1` and so on, which were deleted long ago. */
function unusedRows(count: number): AddressRow[] {
  return Array.from({ length: count }, (_, index) => {
    const owner = { clusterId: 'c', kind: 'Pod', namespace: 'web', name: String(index), nic: 'eth0' };
    return { mac: numberToMac(index + 1), owner, missingSince: new Date(0) } as unknown as AddressRow;
  });
}

interface Cluster {
  readonly pods: number;
  /** Whether they are of a set that is deleted. Default: they are bare. */
  readonly ofSet?: boolean;
  /** The pods that cannot be read, or all. */
  readonly unreadable?: readonly string[] | 'all';
}

/** The resyncs of a cluster, and the names of the pods that they read. */
function resyncsOf({ pods: count, ofSet = false, unreadable = [] }: Cluster) {
  const all = unusedRows(count);
  const read: string[] = [];
  const query = ({ values }: Statement<unknown>) => {
    const [, after, , limit] = values as [string, number, number, number];
    return Promise.resolve(all.filter(({ mac }) => macToNumber(mac) > after).slice(0, limit));
  };
  const find = ({ kind }: { kind: string }, { name }: { name: string }) => {
    if (kind !== 'Pod') return Promise.resolve(undefined);
    read.push(name);
    const fails = unreadable === 'all' || unreadable.includes(name);
    return fails ? Promise.reject(new Error('no answer')) : Promise.resolve(undefined);
  };
  const claims = new Map(
    all.map(({ owner }) => {
      const stickyFor = { ...owner, ...(ofSet && { controller: set, ordinal: 0 }) };
      return [`web/${stickyClaimName(stickyFor as Owner)}`, { spec: { stickyFor } }];
    }),
  );
  const pods = { resource: { kind: 'Pod' }, endsItsUse: true, stillUses: () => Promise.resolve(false) };
  const deps = {
    ledger: { query },
    client: { find },
    kinds: [pods] as unknown as WorkloadKind[],
    workloads: new Map([['Pod', { kind: pods }]]),
    allocations: claims,
    clusterId: 'c',
    logger: pino({ level: 'silent' }),
    resyncEveryMs: 1_000,
    unusedCursor: createUnusedCursor(),
  } as unknown as ReleaseUnusedDeps;
  const found = async () => (await findEndedSticky(deps)).map(({ row }) => Number(row.owner?.name));
  return { deps, found, read };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test('all addresses that end by time are found at once, because the release guard counts them, and nothing is read for that', async () => {
  const { found, read } = resyncsOf({ pods: 2_500 });
  expect(await found()).toEqual(numbers(0, 2_500));
  expect(await found()).toHaveLength(2_500);
  expect(read).toEqual([]);
});

test('of the replicas of controllers, a resync reads a part, and the next one goes on', async () => {
  const { found, read } = resyncsOf({ pods: 2_500, ofSet: true });
  expect(await found()).toEqual(numbers(0, 1_000));
  expect(await found()).toEqual(numbers(1_000, 2_000));
  expect(await found()).toEqual([...numbers(2_000, 2_500), ...numbers(0, 500)]);
  expect(read).toHaveLength(3_000);
});

test('an address whose name cannot be read stays, and the others are found all the same', async () => {
  expect(await resyncsOf({ pods: 4, ofSet: true, unreadable: ['1'] }).found()).toEqual([0, 2, 3]);
});

test('a resync does not wait for each of many names that cannot be read', async () => {
  const { found, read } = resyncsOf({ pods: 100, ofSet: true, unreadable: 'all' });
  expect(await found()).toEqual([]);
  expect(read).toHaveLength(5);
});

test('an address that ends by time is not released while its name cannot be read', async () => {
  const { deps, read } = resyncsOf({ pods: 1, unreadable: 'all' });
  expect(await releaseEndedSticky(await findEndedSticky(deps), deps)).toBe(0);
  expect(read).toEqual(['0']);
});

/** Releases the address of a bare pod whose claim is still there. The ledger answers with `now` when the row is read again. */
async function withdraw(now: { readonly missingSince?: Date | undefined }, deletion: () => Promise<unknown>) {
  const { deps } = resyncsOf({ pods: 1 });
  const [ended] = await findEndedSticky(deps);
  if (ended === undefined) throw new Error('nothing has ended');
  const calls: string[] = [];
  const metadata = { namespace: 'web', name: 'claim', uid: 'u', finalizers: ['mac.rock-os.io/release'] };
  const stored = (resourceVersion: string) => ({ metadata: { ...metadata, resourceVersion } });
  const client = {
    ...deps.client,
    patch: () => Promise.resolve(stored('2')),
    delete: (_: unknown, __: unknown, preconditions: object) => {
      calls.push(`delete ${JSON.stringify(preconditions)}`);
      return deletion();
    },
  };
  const query = ({ text }: Statement<unknown>) => {
    if (!text.includes('release_unused')) return Promise.resolve([{ ...ended.row, ...now }]);
    calls.push('release');
    return Promise.resolve([{ outcome: 'released' }]);
  };
  const claims = new Map(
    [...(deps.allocations as unknown as Map<string, object>)].map(([key, claim]) => [
      key,
      { ...claim, ...stored('1') },
    ]),
  );
  const metrics = { released: () => undefined };
  const all = { ...deps, client, ledger: { query }, allocations: claims, metrics } as unknown as ReleaseUnusedDeps;
  await releaseEndedSticky([{ ...ended, row: { ...ended.row, key: 'sticky/c/web/Pod/0/eth0', generation: 1 } }], all);
  return calls;
}

const DELETE = 'delete {"uid":"u","resourceVersion":"2"}';

test('a claim is deleted only as it was left without its finalizer, and then the address is released', async () => {
  expect(await withdraw({}, () => Promise.resolve(undefined))).toEqual([DELETE, 'release']);
  const conflict = new KubeError({ status: 409, message: 'it has changed' });
  expect(await withdraw({}, () => Promise.reject(conflict))).toEqual([DELETE]);
});

test('nothing is deleted of a name that is used again', async () => {
  expect(await withdraw({ missingSince: undefined }, () => Promise.resolve(undefined))).toEqual([]);
});
