import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from '../integration/installed-env.ts';
import { findingsExceptClock } from '../integration/ledger-fixture.ts';
import { openStatefulSets, type StatefulSets } from './stateful-sets.ts';

/*
 * 1,000 pods of 100 StatefulSets with sticky addresses are deleted at once, and the real controller makes them again. Every address
 * comes back to its name, whatever is killed meanwhile.
 */

const installed = installedEnvOfThisFile({
  webhooks: 2,
  stock: true,
  // As in production. With a shorter Lease, the leader would lose it repeatedly on a busy machine.
  env: { ROCK_MAC_LEADER_LEASE_SECONDS: '15', ROCK_MAC_RESYNC_SECONDS: '10' },
});

const SETS = 100;
const REPLICAS = 10;
const namespace = 'many';
const slow = { timeout: 900_000 };

let client: KubeClient;
let sets: StatefulSets;
let first: ReadonlyMap<string, string>;

beforeAll(async () => {
  const { plane, ledger } = installed();
  const logger = pino({ enabled: false });
  client = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig, logger, maxConnections: 72 });
  await plane.kubectl(['create', 'namespace', namespace]);
  const annotations = { 'mac.rock-os.io/sticky': 'true' };
  sets = await openStatefulSets({ client, ledger, namespace, sets: SETS, replicas: REPLICAS, annotations });
  await sets.create();
  await untilSettled();
  first = sets.addresses();
}, 600_000);

afterAll(async () => {
  await sets.close();
  await client.close();
});

async function untilSettled(gone?: ReadonlySet<string>): Promise<void> {
  await eventually(
    async () => {
      expect(await sets.unsettled(gone)).toBeUndefined();
    },
    { within: 600_000, every: 500 },
  );
}

async function killOperator(): Promise<void> {
  await installed().installation.operators.at(-1)?.kill();
}

async function killWebhook(): Promise<void> {
  await installed().installation.webhooks.at(-1)?.kill();
}

async function auditCounts(): Promise<Record<string, number>> {
  const rows = await installed().ledger.query({
    text: `select action, count(*)::int as count from rock_mac.audit_log where owner like '%' || $1 || '/%' group by 1`,
    values: [namespace],
    row: z.object({ action: z.string(), count: z.int() }),
  });
  return Object.fromEntries(rows.map(({ action, count }) => [action, count]));
}

/** Deletes all pods, does something while the controller makes them again, and waits until nothing is left to do. */
async function deleteAllPods(meanwhile: () => Promise<unknown>): Promise<void> {
  const before = sets.uids();
  await Promise.all([sets.deletePods(), meanwhile()]);
  await untilSettled(before);
}

const meanwhile: Readonly<Record<string, () => Promise<unknown>>> = {
  'nothing else happens': () => Promise.resolve(),
  'the operator is killed with SIGKILL in the middle': async () => {
    await sleep(3_000);
    await killOperator();
    await installed().installation.startOperator();
  },
  'the operator is killed before, and comes back only when every pod is there again': async () => {
    const before = sets.uids();
    await killOperator();
    await eventually(
      () => {
        const again = [...sets.uids()].filter((uid) => !before.has(uid));
        expect(again).toHaveLength(SETS * REPLICAS);
      },
      { within: 300_000, every: 500 },
    );
    await installed().installation.startOperator();
  },
  'one of two webhooks is killed in the middle': async () => {
    await sleep(3_000);
    await killWebhook();
    await installed().installation.startWebhook();
  },
  'the ledger is away for ten seconds': async () => {
    await sleep(1_000);
    await installed().ledgerProxy.cut();
    await sleep(10_000);
    await installed().ledgerProxy.heal();
  },
};

test.each(Object.entries(meanwhile))('all addresses come back to their names when %s', slow, async (_, happens) => {
  await deleteAllPods(happens);
  expect(Object.fromEntries(sets.addresses())).toEqual(Object.fromEntries(first));
});

test('none of this has allocated, bound or released any address again', async () => {
  // The addresses of all pods were allocated and bound once, when the sets were created.
  const { allocate, bind, release = 0 } = await auditCounts();
  expect({ allocate, bind, release }).toEqual({ allocate: SETS * REPLICAS, bind: SETS * REPLICAS, release: 0 });
  expect(await findingsExceptClock(installed().ledger)).toEqual([]);
});
