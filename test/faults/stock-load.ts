import { setTimeout as sleep } from 'node:timers/promises';
import { ANNOTATIONS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { NETWORKS, pods, type StoredPod } from '../clusters/stored-kinds.ts';

/** What a load has done so far. */
export interface StockLoadCounts {
  readonly created: number;
  readonly fromStock: number;
  readonly deleted: number;
  /** The messages of all requests that failed. */
  readonly failures: readonly string[];
  /** Addresses that two pods of different names got one after the other, although the reuse delay is longer than the test. */
  readonly repeated: readonly string[];
}

export interface StockLoad {
  counts(): StockLoadCounts;
  /** Waits until no request is in progress. None follows until `resume`. */
  pause(): Promise<void>;
  resume(): void;
  stop(): Promise<void>;
}

export interface StockLoadOptions {
  readonly client: Pick<KubeClient, 'create' | 'delete'>;
  readonly random: () => number;
  /** Namespaces that store pods. */
  readonly namespaces: readonly string[];
  /** A namespace whose quota refuses every pod, after the webhook has answered. */
  readonly refusing: string;
}

/** How many pods live at most. */
const MOST = 60;
const PAUSE_MS = 200;
const AT_ONCE = 3;

/** Few names, because the risk is in names that come back. */
const NAMES = 8;

/** Creates and deletes pods of every sort that gets addresses from a stock, and some that do not, without retries. */
export function startStockLoad({ client, random, namespaces, refusing }: StockLoadOptions): StockLoad {
  const ending = new AbortController();
  const live: StoredPod[] = [];
  const failures: string[] = [];
  /** A pod that is made again under its name before an operator has seen it gets its address again, as after a retry. */
  const owners = new Map<string, string>();
  const repeated: string[] = [];
  let [created, fromStock, deleted, own] = [0, 0, 0, 0];
  let isPaused = false;
  const busy = new Set<Promise<void>>();

  function pick<T>(values: readonly T[]): T {
    const value = values[Math.floor(random() * values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  }

  function nextPod(): NewObject {
    const kind = random();
    const name = kind < 0.45 ? { name: `pod-${String(Math.floor(random() * NAMES))}` } : { generateName: 'made-' };
    const address = `a4:58:0f:43:fe:${(own % 256).toString(16).padStart(2, '0')}`;
    const asksForOwn = kind > 0.9 && own++ < 256;
    const networks = [
      { name: 'blue', ...(asksForOwn && { mac: address }) },
      ...(random() < 0.3 ? [{ name: 'red' }] : []),
    ];
    const annotations = { [ANNOTATIONS.inject]: 'true', [NETWORKS]: JSON.stringify(networks) };
    const namespace = random() < 0.12 ? refusing : pick(namespaces);
    const spec = { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'example.invalid/none' }] };
    return { metadata: { ...name, namespace, annotations }, spec };
  }

  function record(pod: StoredPod): void {
    const { namespace = '', name, annotations = {} } = pod.metadata;
    const key = `${namespace}/${name}`;
    created++;
    if (annotations[ANNOTATIONS.stockToken] !== undefined) fromStock++;
    for (const [, mac = ''] of (annotations[NETWORKS] ?? '').matchAll(/"mac":"([0-9a-f:]{17})"/g)) {
      const before = owners.get(mac) ?? key;
      if (before !== key) repeated.push(`${mac} of ${before} and ${key}`);
      owners.set(mac, key);
    }
    live.push(pod);
  }

  async function step(): Promise<void> {
    try {
      if (random() < live.length / MOST) {
        const [pod] = live.splice(Math.floor(random() * live.length), 1);
        if (pod === undefined) return;
        const { namespace = '', name } = pod.metadata;
        await client.delete(pods, { namespace, name }, { attempts: 1 });
        deleted++;
        return;
      }
      const pod = nextPod();
      const { namespace = '' } = pod.metadata;
      record(await client.create(pods, pod, { namespace, attempts: 1 }));
    } catch (error) {
      failures.push(String(error));
    }
  }

  async function run(): Promise<void> {
    while (!ending.signal.aborted) {
      if (!isPaused) {
        const current = step();
        busy.add(current);
        await current;
        busy.delete(current);
      }
      await sleep(PAUSE_MS);
    }
  }

  const running = Promise.all(Array.from({ length: AT_ONCE }, run));
  return {
    counts: () => ({ created, fromStock, deleted, failures, repeated }),
    pause: async () => {
      isPaused = true;
      await Promise.all(busy);
    },
    resume: () => {
      isPaused = false;
    },
    stop: async () => {
      ending.abort();
      await running;
    },
  };
}
