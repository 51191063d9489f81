import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from '../integration/installed-env.ts';
import { type Load, startPodLoad } from './pod-load.ts';

const installed = installedEnvOfThisFile({ webhooks: 2 });
const REVIEWS = 'rockmac_admission_reviews_total';
const AT_ONCE = 8;
let client: KubeClient;
const loads: Load[] = [];

beforeAll(() => {
  const { kubeconfig } = installed().plane;
  client = createKubeClient({ userAgent: 'test', kubeconfig, logger: pino({ enabled: false }) });
});

afterAll(() => client.close());

// Also after a failed test: its load must not disturb the next one.
afterEach(async () => {
  await Promise.all(loads.splice(0).map((load) => load.stop()));
});

function startLoad(prefix: string): Load {
  const load = startPodLoad(client, prefix, AT_ONCE);
  loads.push(load);
  return load;
}

async function reviewsOf(index: number): Promise<number> {
  return (await installed().installation.webhooks[index]?.metric(REVIEWS)) ?? 0;
}

/** Expects that nothing was lost or allocated twice, and that every pod has its own address. */
function expectAllServed({ macs, failures }: Awaited<ReturnType<Load['stop']>>, atLeast: number): void {
  expect(failures).toEqual([]);
  expect(macs.length).toBeGreaterThanOrEqual(atLeast);
  expect(new Set(macs).size).toBe(macs.length);
  for (const mac of macs) expect(mac).toMatch(/^a4:58:0f:05:/);
}

describe('two replicas of the webhook behind one address', () => {
  test('both serve requests', async () => {
    const load = startLoad('both');
    await load.more(100);
    expectAllServed(await load.stop(), 100);
    expect(Math.min(await reviewsOf(0), await reviewsOf(1))).toBeGreaterThan(0);
  });

  test('are replaced one after the other three times under load, and no create fails', async () => {
    const { installation } = installed();
    const load = startLoad('rolling');
    for (let round = 0; round < 3; round++) {
      for (const old of installation.webhooks.slice(-2)) {
        await load.more(60);
        await installation.startWebhook();
        await load.more(20);
        await old.stop();
      }
    }
    await load.more(60);
    expectAllServed(await load.stop(), 500);
    // The new replicas did the work of the old ones.
    const after = installation.webhooks.length - 2;
    expect(Math.min(await reviewsOf(after), await reviewsOf(after + 1))).toBeGreaterThan(0);
  });

  test('one that is stopped first reports that it is not ready, and loses no admission', async () => {
    const { installation } = installed();
    const replica = await installation.startWebhook({ ROCK_MAC_DRAIN_SECONDS: '5' });
    const isReady = async () => (await fetch(`http://127.0.0.1:${replica.healthPort}/readyz`)).ok;
    const load = startLoad('stopped');
    await load.more(100);
    const stopping = replica.stop();
    // It still serves: no new client is sent to it, but a client that does not know yet must not be refused.
    await eventually(
      async () => {
        expect(await isReady()).toBe(false);
      },
      { within: 4_000, every: 20 },
    );
    await stopping;
    await load.more(100);
    expectAllServed(await load.stop(), 200);
  });

  test('one that is killed loses only the requests in progress', async () => {
    const { installation } = installed();
    const survivor = await installation.startWebhook();
    const load = startLoad('killed');
    await load.more(100);
    for (const replica of installation.webhooks) if (replica !== survivor) await replica.kill();
    await load.more(100);
    const { macs, failures } = await load.stop();
    expect(failures.length).toBeLessThanOrEqual(AT_ONCE);
    for (const failure of failures) expect(failure).toMatch(/failed calling webhook/);
    expectAllServed({ macs, failures: [] }, 150);
  });
});
