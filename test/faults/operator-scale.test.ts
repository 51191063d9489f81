import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile, whileLedgerIsAhead } from '../integration/installed-env.ts';
import { findingsExceptClock } from '../integration/ledger-fixture.ts';
import { annotatedPods } from '../integration/pod-kind.ts';

/** Many at once, as many as the promises were made for. Everything is waited for by what the ledger says. */
const installed = installedEnvOfThisFile({
  // As in production: a busy machine must not take the leader's work from it again and again.
  env: { ROCK_MAC_LEADER_LEASE_SECONDS: '15' },
});

const PODS = 500;
const ROUNDS = 10;
const CLAIMS = 5_000;

/** Requests under way at a time: enough that neither the API server nor the webhook waits for this process. */
const AT_ONCE = 24;

/** Of each test, on a machine that has other things to do. */
const patience = { timeout: 900_000 };

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

async function namespace(name: string): Promise<void> {
  const { kubectl } = installed().plane;
  await kubectl(['create', 'namespace', name]);
  await kubectl(['wait', '--for=create', 'serviceaccount/default', '-n', name, '--timeout=30s']);
}

/** A refusal for a moment (a conflict on a name that just goes, a ledger that is busy) is tried again, as a controller does. */
async function createPod(name: string, space: string): Promise<void> {
  await eventually(() => client.create(annotatedPods, aPod(name), { namespace: space }), { within: 60_000, every: 50 });
}

async function until(what: string, within: number, left: () => Promise<number>): Promise<void> {
  await eventually(
    async () => {
      const count = await left();
      if (count > 0) throw new Error(`${what}: ${String(count)} left`);
    },
    { within, every: 1_000 },
  );
}

/** How many addresses the ledger has for a namespace in these states; in all that are not free when none is named. */
async function held(space: string, states = ['active', 'pending', 'reserved', 'orphaned']): Promise<number> {
  const [row] = await installed().ledger.query({
    text: `select count(*)::int as count from rock_mac.addresses where owner_namespace = $1 and state = any($2)`,
    values: [space, states],
    row: z.object({ count: z.number() }),
  });
  return row?.count ?? 0;
}

/** One page tells how many there are, so that asking costs the API server little. */
async function allocations(space: string): Promise<number> {
  const path = `/apis/mac.rock-os.io/v1alpha1/namespaces/${space}/macallocations?limit=1`;
  const page = list.parse(await client.raw('GET', path));
  return page.items.length + (page.metadata.remainingItemCount ?? 0);
}

const list = z.object({
  items: z.array(z.unknown()),
  metadata: z.object({ remainingItemCount: z.number().optional() }),
});

const counted = z.object({ action: z.string(), rows: z.number(), owners: z.number() });

/** The audit of a namespace: how many rows of each action, and of how many owners they tell. */
async function audit(space: string): Promise<Record<string, { rows: number; owners: number }>> {
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
    `a namespace with ${String(PODS)} annotated pods that is deleted goes, with every address released once`,
    patience,
    async () => {
      const space = 'crowd';
      await namespace(space);
      await inParallel(PODS, (index) => createPod(`one-${String(index)}`, space));
      await until('bound', 400_000, async () => PODS - (await held(space, ['active'])));
      await installed().plane.kubectl(['delete', 'namespace', space, '--timeout=180s']);
      await until('released', 400_000, () => held(space));
      expect(await audit(space)).toEqual({
        allocate: { rows: PODS, owners: PODS },
        bind: { rows: PODS, owners: PODS },
        release: { rows: PODS, owners: PODS },
      });
    },
  );

  test(
    `${String(CLAIMS)} claims that are made and deleted leave two rows in the audit each, and nothing else`,
    patience,
    async () => {
      const space = 'fleet';
      await namespace(space);
      await inParallel(CLAIMS, (index) =>
        client.create(
          macAllocations,
          { metadata: { name: `claim-${String(index)}` }, spec: { pool: 'development' } },
          { namespace: space },
        ),
      );
      await until('allocated', 400_000, async () => CLAIMS - (await held(space, ['active'])));
      await inParallel(CLAIMS, (index) =>
        client.delete(macAllocations, { namespace: space, name: `claim-${String(index)}` }),
      );
      await until('deleted', 400_000, () => allocations(space));
      expect(await held(space)).toBe(0);
      expect(await audit(space)).toEqual({
        allocate: { rows: CLAIMS, owners: CLAIMS },
        release: { rows: CLAIMS, owners: CLAIMS },
      });
    },
  );

  test(
    `${String(PODS)} pods that come again under the same names ${String(ROUNDS)} times: every address is explained`,
    patience,
    async () => {
      const space = 'again';
      await namespace(space);
      const carried = new Set<string>();
      for (let round = 0; round < ROUNDS; round++) {
        await inParallel(PODS, async (index) => {
          const name = `same-${String(index)}`;
          await createPod(name, space);
          const { metadata } = await client.get(annotatedPods, { namespace: space, name });
          carried.add(/"mac":"([^"]+)"/.exec(metadata.annotations?.['mac.rock-os.io/addresses'] ?? '')?.[1] ?? 'none');
          await client.delete(annotatedPods, { namespace: space, name });
        });
      }
      expect(carried.has('none')).toBe(false);
      await until('mirrors', 400_000, () => allocations(space));
      // Some went before anybody saw them: those addresses are on a lease.
      await whileLedgerIsAhead(installed().ledger, '3 minutes', async () => {
        await until('given back', 400_000, () => held(space));
      });
      const { allocate, bind, adopt, release } = await audit(space);
      const begun = (allocate?.rows ?? 0) + (adopt?.rows ?? 0);
      // Whoever got an address, or had it again, gave it back once; nobody was bound twice.
      expect({ ends: release?.rows, owners: release?.owners }).toEqual({ ends: begun, owners: begun });
      expect(bind?.rows).toBe(bind?.owners);
      expect(allocate?.owners).toBeGreaterThanOrEqual(carried.size);
      expect(await findingsExceptClock(installed().ledger)).toEqual([]);
    },
  );
});
