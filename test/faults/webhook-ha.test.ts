import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pino } from 'pino';
import { createKubeClient, type KubeClient, type NewObject } from '../../kube/client.ts';
import { aPod, installedGroundOfThisFile } from '../integration/installed-ground.ts';
import { annotatedPods } from '../integration/pod-kind.ts';

const installed = installedGroundOfThisFile({ webhooks: 2 });
const AT_ONCE = 8;
let client: KubeClient;

beforeAll(() => {
  const { kubeconfig } = installed().plane;
  client = createKubeClient({ userAgent: 'test', kubeconfig, logger: pino({ enabled: false }) });
});

afterAll(() => client.close());

interface Load {
  /** Ends it; answers what became of every create. */
  stop(): Promise<{ readonly macs: readonly string[]; readonly failures: readonly string[] }>;
}

/** Creates pods without a pause and without a second try, as controllers do. */
function startLoad(prefix: string): Load {
  let running = true;
  const macs: string[] = [];
  const failures: string[] = [];
  async function work(worker: number): Promise<void> {
    for (let count = 0; running; count++) {
      const name = `${prefix}-${String(worker)}-${String(count)}`;
      const manifest = JSON.parse(aPod(name, { networks: 'blue' })) as NewObject;
      try {
        const pod = await client.create(annotatedPods, manifest, { namespace: 'default', attempts: 1 });
        const networks = pod.metadata.annotations?.['k8s.v1.cni.cncf.io/networks'] ?? '[]';
        macs.push((JSON.parse(networks) as { mac: string }[])[0]?.mac ?? 'none');
      } catch (error) {
        failures.push(String(error));
      }
    }
  }
  const workers = Array.from({ length: AT_ONCE }, (_, worker) => work(worker));
  return {
    stop: async () => {
      running = false;
      await Promise.all(workers);
      return { macs, failures };
    },
  };
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function reviewsOf(index: number): Promise<number> {
  return (await installed().installation.webhooks[index]?.metric('rockmac_admission_reviews_total')) ?? 0;
}

describe('two replicas of the webhook behind one address', () => {
  test('both take requests', async () => {
    const load = startLoad('both');
    await pause(1_500);
    await load.stop();
    expect(Math.min(await reviewsOf(0), await reviewsOf(1))).toBeGreaterThan(0);
  });

  test('are replaced one after the other under load, and no create fails', async () => {
    const { installation } = installed();
    const load = startLoad('rolling');
    for (const old of [...installation.webhooks]) {
      await pause(1_000);
      await installation.startWebhook();
      await old.stop();
    }
    await pause(1_000);
    const { macs, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(macs.length).toBeGreaterThan(50);
    expect(new Set(macs).size).toBe(macs.length);
    for (const mac of macs) expect(mac).toMatch(/^a4:58:0f:05:/);
  });

  test('a replica that is told to stop ends with no admission lost, also when it is the last but one', async () => {
    const { installation } = installed();
    const load = startLoad('stopped');
    await pause(1_000);
    await installation.webhooks.at(-1)?.stop();
    await pause(500);
    const { macs, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(macs.length).toBeGreaterThan(20);
  });

  test('one that dies without a word costs only what it was answering', async () => {
    const { installation } = installed();
    const survivor = await installation.startWebhook();
    const load = startLoad('killed');
    await pause(1_000);
    for (const replica of installation.webhooks) if (replica !== survivor) await replica.kill();
    await pause(1_500);
    const { macs, failures } = await load.stop();
    expect(failures.length).toBeLessThanOrEqual(AT_ONCE);
    for (const failure of failures) expect(failure).toMatch(/failed calling webhook/);
    expect(new Set(macs).size).toBe(macs.length);
    expect(macs.length).toBeGreaterThan(20);
  });
});
