import pino from 'pino';
import { expect, test } from 'vitest';
import type { EventTarget, EventText } from '../../kube/controller/events.ts';
import { mac } from '../../mac/mac-address.ts';
import { podWorkload } from '../live/pod.ts';
import { type CollisionDeps, reconcileCollision } from './reconcile.ts';
import { createReportedCollisions } from './reported-collisions.ts';

const MAC = mac('a4:58:0f:05:00:01');
const kind = podWorkload();

/** Pods with the address, of which each has it on two interfaces, and every hundredth is in another namespace. */
function sharingPods(count: number) {
  const pods = Array.from({ length: count }, (_, index) => ({
    metadata: {
      namespace: index % 100 === 99 ? 'db' : 'web',
      name: `p${String(index)}`,
      uid: `u${String(index)}`,
      resourceVersion: '1',
    },
    nics: [],
    uses: [MAC],
  }));
  return pods.flatMap((workload) => ['eth0', 'eth1'].map((nic) => ({ kind, workload, mac: MAC, nic, segment: '' })));
}

function setUp(users: ReturnType<typeof sharingPods>) {
  const recorded: { readonly uid: string; readonly note: string }[] = [];
  const deps = {
    onLink: { usersOf: () => users },
    elsewhere: { of: () => [] },
    contested: { of: () => [], isKnown: true },
    allocations: { by: () => [] },
    metrics: { conflict: () => undefined },
    logger: pino({ enabled: false }),
    reported: createReportedCollisions(),
    events: {
      record: ({ metadata: { uid } }: EventTarget, { note }: EventText) => {
        recorded.push({ uid, note });
      },
    },
  } as unknown as CollisionDeps;
  return { recorded, reconcile: () => reconcileCollision(MAC, deps) };
}

test('of many objects that share an address, twenty get their Event in each turn, and each gets one', async () => {
  const { recorded, reconcile } = setUp(sharingPods(50));
  expect(await reconcile()).toEqual({ requeueAfterMs: 2_000 });
  expect(recorded).toHaveLength(20);
  expect(await reconcile()).toEqual({ requeueAfterMs: 2_000 });
  expect(recorded).toHaveLength(40);
  expect(await reconcile()).toBeUndefined();
  expect(await reconcile()).toBeUndefined();
  expect(new Set(recorded.map(({ uid }) => uid)).size).toBe(50);
  expect(recorded).toHaveLength(50);
});

test('an Event names three others of its namespace, never the object itself, and counts the rest', async () => {
  const { recorded, reconcile } = setUp(sharingPods(200));
  await reconcile();
  const rest = 'more than 100 other objects of this namespace, 2 objects of other namespaces also use this address';
  expect(recorded[1]?.note).toContain(`on interface eth0: Pod web/p0, Pod web/p2, Pod web/p3, ${rest}`);
  expect(recorded[19]?.note).toContain(`on interface eth0: Pod web/p0, Pod web/p1, Pod web/p2, ${rest}`);
});

test('an Event of the only object says that its interfaces share the address', async () => {
  const { recorded, reconcile } = setUp(sharingPods(1));
  expect(await reconcile()).toBeUndefined();
  expect(recorded.map(({ note }) => note)).toEqual([
    `${MAC} is on several interfaces of this object. Give each its own address`,
  ]);
});
