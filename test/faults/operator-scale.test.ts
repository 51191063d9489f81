import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile, whileLedgerIsAhead } from '../integration/installed-env.ts';
import { findingsExceptClock } from '../integration/ledger-fixture.ts';
import { annotatedPods } from '../integration/pod-kind.ts';

/** Tests I5 and I7 with as many objects as they are promised for. */
const installed = installedEnvOfThisFile({
  // As in production. With a shorter Lease, the leader would lose it repeatedly on a busy machine.
  env: { ROCK_MAC_LEADER_LEASE_SECONDS: '15' },
});

const PODS = 500;
const ROUNDS = 10;
const CLAIMS = 5_000;

/** Concurrent requests. With so many, neither the API server nor the webhook waits for this process. */
const AT_ONCE = 24;

/** Timeout of each test, on a busy machine. */
const slow = { timeout: 900_000 };

let client: KubeClient;
beforeAll(() => {
  const { kubeconfig } = installed().plane;
  const logger = pino({ enabled: false });
  client = createKubeClient({ userAgent: 'scale', kubeconfig, logger, maxConnections: AT_ONCE + 8 });
});
afterAll(() => client.close());

async function inParallel(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function aPod(name: string): NewObject {
  const annotations = { 'mac.rock-os.io/inject': 'true', 'k8s.v1.cni.cncf.io/networks': '[{"name":"blue"}]' };
  return { metadata: { name, annotations }, spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] } };
}

async function createNamespace(name: string): Promise<void> {
  const { kubectl } = installed().plane;
  await kubectl(['create', 'namespace', name]);
  await kubectl(['wait', '--for=create', 'serviceaccount/default', '-n', name, '--timeout=30s']);
}

/** Creates a pod. Retries like a controller, because a former pod of the name may remain, or the ledger may be busy. */
async function createPod(name: string, space: string): Promise<void> {
  await eventually(() => client.create(annotatedPods, aPod(name), { namespace: space }), { within: 60_000, every: 50 });
}

async function waitUntilNoneLeft(what: string, within: number, left: () => Promise<number>): Promise<void> {
  await eventually(
    async () => {
      const count = await left();
      if (count > 0) throw new Error(`${what}: ${String(count)} left`);
    },
    { within, every: 1_000 },
  );
}

/** Counts the addresses of a namespace in these states. By default, counts all that are not released. */
async function countHeld(space: string, states = ['active', 'pending', 'reserved', 'orphaned']): Promise<number> {
  const [row] = await installed().ledger.query({
    text: `select count(*)::int as count from rock_mac.addresses where owner_namespace = $1 and state = any($2)`,
    values: [space, states],
    row: z.object({ count: z.number() }),
  });
  return row?.count ?? 0;
}

/** Counts the MacAllocations of a namespace. Reads a page of one, because it has the number of the others. */
async function countAllocations(space: string): Promise<number> {
  const path = `/apis/mac.rock-os.io/v1alpha1/namespaces/${space}/macallocations?limit=1`;
  const page = list.parse(await client.raw('GET', path));
  return page.items.length + (page.metadata.remainingItemCount ?? 0);
}

const list = z.object({
  items: z.array(z.unknown()),
  metadata: z.object({ remainingItemCount: z.number().optional() }),
});

const counted = z.object({ action: z.string(), rows: z.number(), owners: z.number() });

/** Counts the audit rows of a namespace and their owners, by action. */
async function countAudit(space: string): Promise<Record<string, { rows: number; owners: number }>> {
  const rows = await installed().ledger.query({
    text: `select action, count(*)::int as rows, count(distinct (mac_address, generation))::int as owners
           from rock_mac.audit_log where owner like '%' || $1 || '/%' group by 1`,
    values: [space],
    row: counted,
  });
  return Object.fromEntries(rows.map(({ action, ...count }) => [action, count]));
}

describe('I5, I7', () => {
  test(
    `a namespace with ${String(PODS)} annotated pods can be deleted, and every address is released once`,
    slow,
    async () => {
      const space = 'crowd';
      await createNamespace(space);
      await inParallel(PODS, (index) => createPod(`one-${String(index)}`, space));
      await waitUntilNoneLeft('bound', 400_000, async () => PODS - (await countHeld(space, ['active'])));
      await installed().plane.kubectl(['delete', 'namespace', space, '--timeout=180s']);
      await waitUntilNoneLeft('released', 400_000, () => countHeld(space));
      expect(await countAudit(space)).toEqual({
        allocate: { rows: PODS, owners: PODS },
        bind: { rows: PODS, owners: PODS },
        release: { rows: PODS, owners: PODS },
      });
    },
  );

  test(
    `${String(CLAIMS)} claims that are created and deleted leave two audit rows each, and nothing else`,
    slow,
    async () => {
      const space = 'fleet';
      await createNamespace(space);
      await inParallel(CLAIMS, (index) =>
        client.create(
          macAllocations,
          { metadata: { name: `claim-${String(index)}` }, spec: { pool: 'development' } },
          { namespace: space },
        ),
      );
      await waitUntilNoneLeft('allocated', 400_000, async () => CLAIMS - (await countHeld(space, ['active'])));
      await inParallel(CLAIMS, (index) =>
        client.delete(macAllocations, { namespace: space, name: `claim-${String(index)}` }),
      );
      await waitUntilNoneLeft('deleted', 400_000, () => countAllocations(space));
      expect(await countHeld(space)).toBe(0);
      expect(await countAudit(space)).toEqual({
        allocate: { rows: CLAIMS, owners: CLAIMS },
        release: { rows: CLAIMS, owners: CLAIMS },
      });
    },
  );

  test(
    `${String(PODS)} pods that are created again with the same names ${String(ROUNDS)} times leave no address without an owner`,
    slow,
    async () => {
      const space = 'again';
      await createNamespace(space);
      const allocated = new Set<string>();
      for (let round = 0; round < ROUNDS; round++) {
        await inParallel(PODS, async (index) => {
          const name = `same-${String(index)}`;
          await createPod(name, space);
          const { metadata } = await client.get(annotatedPods, { namespace: space, name });
          allocated.add(
            /"mac":"([^"]+)"/.exec(metadata.annotations?.['mac.rock-os.io/addresses'] ?? '')?.[1] ?? 'none',
          );
          await client.delete(annotatedPods, { namespace: space, name });
        });
      }
      expect(allocated.has('none')).toBe(false);
      await waitUntilNoneLeft('mirrors', 400_000, () => countAllocations(space));
      // Some pods were deleted before the operator saw them. Their addresses stay pending until the lease expires.
      await whileLedgerIsAhead(installed().ledger, '3 minutes', async () => {
        await waitUntilNoneLeft('released', 400_000, () => countHeld(space));
      });
      const { allocate, bind, adopt, release } = await countAudit(space);
      const begun = (allocate?.rows ?? 0) + (adopt?.rows ?? 0);
      // Every allocated or adopted address was released once, and none was bound twice.
      expect({ ends: release?.rows, owners: release?.owners }).toEqual({ ends: begun, owners: begun });
      expect(bind?.rows).toBe(bind?.owners);
      expect(allocate?.owners).toBeGreaterThanOrEqual(allocated.size);
      expect(await findingsExceptClock(installed().ledger)).toEqual([]);
    },
  );
});
