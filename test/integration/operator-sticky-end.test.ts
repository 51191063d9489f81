import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { bind } from '../../ledger/address/bind.ts';
import { findByHolderKey, findByMac } from '../../ledger/address/find.ts';
import { createGroupedCalls } from '../../ledger/address/grouped-calls.ts';
import { markUnreachable } from '../../ledger/sticky/unreachable.ts';
import { markUnused } from '../../ledger/sticky/unused.ts';
import type { Workload, WorkloadKind } from '../../operator/live/workload.ts';
import { endSticky, type EndStickyDeps } from '../../operator/sticky/end.ts';
import {
  aStickyRequest,
  freshLedger,
  joinCluster,
  LEASE_SECONDS,
  stickyPod,
  type TestLedger,
} from './ledger-fixture.ts';

// The end of a sticky claim against a real ledger. What happens while the operator reads the pod is up to each test.

let ledger: TestLedger;
let address: AddressRef;
const { key } = aStickyRequest('web-0');

beforeEach(async () => {
  ledger = await freshLedger();
  await joinCluster(ledger.db, 'c1');
  const mac = await admit();
  await bind(ledger.db, [{ mac, key, boundKey: key, owner: stickyPod('web-0') }], 'operator');
  const row = await findByHolderKey(ledger.db, key);
  if (row === undefined) throw new Error('not held');
  address = row;
});
afterEach(() => ledger.close());

/** The admission of the next pod of the name. */
async function admit() {
  const [result] = await allocate(ledger.db, 'kubernetes', [aStickyRequest('web-0')], { leaseSeconds: LEASE_SECONDS });
  if (result?.outcome !== 'allocated' && result?.outcome !== 'replayed') throw new Error(JSON.stringify(result));
  return result.mac;
}

/** Reconciles the claim once, at a time that may be later. Returns whether its finalizer is removed, so that it goes. */
async function reconcile({
  later = 0,
  meanwhile = () => Promise.resolve(),
  pod,
  status,
}: {
  later?: number;
  meanwhile?: () => Promise<unknown>;
  pod?: Workload;
  status?: MacAllocation['status'];
} = {}): Promise<boolean> {
  const metadata = { namespace: 'web', name: 'web-0-1a2b', uid: 'u', finalizers: ['mac.rock-os.io/release'] };
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const claim = { metadata: { ...metadata, deletionTimestamp }, spec: {}, status } as MacAllocation;
  const pods = { resource: { kind: 'Pod' }, endsItsUse: true, stillUses: () => Promise.resolve(false) };
  const kind = pods as unknown as WorkloadKind;
  let isGone = false;
  const client = {
    find: async ({ kind: read }: { kind: string }) => {
      if (read !== 'Pod') return undefined;
      await meanwhile();
      return pod;
    },
    patch: () => {
      isGone = true;
      return Promise.resolve({});
    },
  };
  const deps = {
    ledger: ledger.db,
    groupedCalls: createGroupedCalls(ledger.db, { clusterId: 'c1', actor: 'operator' }),
    client,
    clusterId: 'c1',
    actor: 'operator',
    workloads: new Map([['Pod', { kind }]]),
    metrics: { released: () => undefined },
    logger: pino({ level: 'silent' }),
    now: () => new Date(Date.now() + later),
  } as unknown as EndStickyDeps;
  await endSticky(claim, { kind, owner: stickyPod('web-0'), key, mac: address.mac }, deps);
  return isGone;
}

const rowNow = () => findByMac(ledger.db, address.mac);

test('an address that nothing uses is marked first, and released by a later reconcile', async () => {
  expect(await reconcile()).toBe(false);
  expect(await rowNow()).toMatchObject({ state: 'active', missingSince: expect.any(Date) as Date });
  expect(await reconcile({ later: 5_000 })).toBe(true);
  expect(await rowNow()).toMatchObject({ state: 'released', reason: 'sticky claim deleted' });
  expect(await ledger.sql(`select end_unseen from rock_mac.addresses`), 'its pod may still run').toEqual([
    { end_unseen: true },
  ]);
});

test('an address does not become that of its next pod while an earlier one may still run', async () => {
  const metadata = { namespace: 'web', name: 'web-0', uid: 'next', resourceVersion: '1' };
  const nics = [{ nic: stickyPod('web-0').nic, mac: address.mac }];
  const pod = { metadata, nics, uses: [address.mac] } as unknown as Workload;
  await markUnreachable(ledger.db, { clusterId: 'c1', node: 'worker-1' }, [address], 'operator');
  const shown = [
    undefined,
    { node: 'worker-1' },
    { node: 'worker-1', uid: 'first' },
    { node: 'worker-2', uid: 'next' },
  ];
  for (const unreachableConsumer of shown) {
    const status = { conditions: [], ...(unreachableConsumer && { unreachableConsumer }) };
    expect(await reconcile({ pod, status })).toBe(false);
    expect(await rowNow()).toMatchObject({ state: 'active', key, unreachableNode: 'worker-1' });
  }
});

test('an address stays that an admission answers with while the operator reads that there is no pod', async () => {
  await reconcile();
  expect(await reconcile({ later: 5_000, meanwhile: admit })).toBe(false);
  expect(await rowNow()).toMatchObject({ state: 'active', key });
});

test('an address stays that was answered with a moment ago, because its pod may not be stored yet', async () => {
  await markUnused(ledger.db, [address]);
  await admit();
  expect(await reconcile()).toBe(false);
  expect(await rowNow()).toMatchObject({ state: 'active', key });
});

test('an address that waits for its lease is left to that, and the claim goes', async () => {
  await ledger.sql(`update rock_mac.addresses set state = 'pending', expires_at = now() + interval '1 minute'`);
  expect(await reconcile()).toBe(true);
  expect(await rowNow()).toMatchObject({ state: 'pending', key });
});
