import { pino } from 'pino';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient } from '../../kube/client/client.ts';
import { numberToMac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { objectsIn, untilEqual } from '../integration/collisions.ts';
import { installedEnvOfThisFile } from '../integration/installed-env.ts';
import { annotatedPods } from '../integration/pod-kind.ts';

/* A tenant writes 10,000 addresses of another prefix. The collisions of others are found as before, and memory stays bounded. */
const installed = installedEnvOfThisFile({ webhooks: 0, env: { ROCK_MAC_RESYNC_SECONDS: '20' } });

const PODS = 2_500;
const OF_EACH = 4;
const AT_ONCE = 16;

const countRow = z.object({ count: z.int() });

beforeAll(async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  for (const namespace of ['mallory', 'honest']) {
    await plane.kubectl(['create', 'namespace', namespace]);
    await plane.kubectl(['label', 'namespace', namespace, 'mac.rock-os.io/inject=enabled']);
  }
});

async function flood(): Promise<void> {
  const { plane } = installed();
  const client = createKubeClient({
    ...{
      userAgent: 'test',
      kubeconfig: plane.kubeconfig,
      logger: pino({ enabled: false }),
      maxConnections: AT_ONCE + 2,
    },
  });
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < PODS; index = next++) {
      const networks = Array.from({ length: OF_EACH }, (_, nic) => ({
        name: 'net',
        mac: numberToMac(2 ** 41 + index * OF_EACH + nic),
      }));
      const annotations = { 'k8s.v1.cni.cncf.io/networks': JSON.stringify(networks) };
      const object = {
        metadata: { name: `flood-${String(index)}`, annotations },
        spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
      };
      await client.create(annotatedPods, object, { namespace: 'mallory' });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await client.close();
}

test('10,000 addresses of one tenant fill its own limit, and delay nobody', { timeout: 300_000 }, async () => {
  const { installation, ledger, plane } = installed();
  const operator = installation.operators[0];
  if (operator === undefined) throw new Error('there is no operator');
  const memory = async () => (await operator.metric('process_resident_memory_bytes')) / 2 ** 20;
  const before = await memory();
  await flood();
  const { pod, collisionsOf } = objectsIn(plane, 'honest');
  const mac = '06:00:00:00:00:01';
  await pod('one', [{ mac }]);
  await pod('two', [{ mac }]);
  await untilEqual(async () => (await collisionsOf('one')).length, 1, 30_000);
  const count = async () => {
    const [row] = await ledger.query({
      text: `select count(*)::int as count from rock_mac.observations where namespace = 'mallory'`,
      values: [],
      row: countRow,
    });
    return row?.count ?? 0;
  };
  await eventually(
    async () => {
      expect(await count()).toBe(8_192);
    },
    { within: 180_000, every: 1_000 },
  );
  const after = await memory();
  process.stdout.write(
    `operator: ${before.toFixed(0)} MiB before, ${after.toFixed(0)} MiB after ${String(PODS)} pods\n`,
  );
  expect(after).toBeLessThan(256);
});
