import type { KubeClient } from '../../kube/client/client.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import type { Kubectl } from '../env/kubernetes/kubectl.ts';
import { measure, type Measured } from './measure.ts';
import { type Usage, usageOf } from './usage.ts';

/** Many creates or deletes of pods. */
export interface Phase extends Measured, Usage {
  /** From the first request until everything that follows from it was done. */
  readonly settledSeconds: number;
  /** Connections that the API server opened to the webhook, for each object. Each costs a TLS handshake. */
  readonly connections: number;
}

/** How pods were created, and how they were deleted. */
export interface PodLife {
  readonly create: Phase;
  readonly remove: Phase;
}

export interface PodLifeOptions {
  readonly client: KubeClient;
  readonly kubectl: Kubectl;
  readonly namespace: string;
  /** The kind of the objects: pods, or others that get addresses. */
  readonly resource: Resource<KubeObject>;
  readonly pods: readonly NewObject[];
  readonly callers: number;
  /** Resolves when nothing is left to do after the creates, and after the deletes. */
  readonly settled: (after: 'create' | 'remove') => Promise<void>;
  /** Returns how many connections to the webhook were opened so far. */
  readonly openedConnections: () => number;
}

/** The controllers still work for a moment after the last answer. Their time counts, but nobody waits for them. */
const AFTERMATH_MS = 300;

/** Creates pods, each caller one at a time, waits until all is settled, and deletes them in the same way. */
export async function livePods(options: PodLifeOptions): Promise<PodLife> {
  const { client, namespace, resource, pods } = options;
  const create = await phase('create', options, (pod) => client.create(resource, pod, { namespace, attempts: 1 }));
  const names = pods.map(({ metadata }) => metadata.name ?? '');
  const remove = await phase('remove', options, (_, index) =>
    client.delete(resource, { namespace, name: names[index] ?? '' }),
  );
  return { create, remove };
}

async function phase(
  after: 'create' | 'remove',
  { kubectl, pods, callers, settled, openedConnections }: PodLifeOptions,
  ask: (pod: NewObject, index: number) => Promise<unknown>,
): Promise<Phase> {
  let measured: Measured = { perSecond: Number.NaN, latencies: [] };
  let settledSeconds = Number.NaN;
  const opened = openedConnections();
  const usage = await usageOf(pods.length, kubectl, async () => {
    const started = performance.now();
    measured = await askForEach(pods, callers, ask);
    await settled(after);
    settledSeconds = (performance.now() - started) / 1_000;
    await new Promise((resolve) => setTimeout(resolve, AFTERMATH_MS));
  });
  const connections = (openedConnections() - opened) / pods.length;
  return { ...measured, ...usage, settledSeconds, connections };
}

async function askForEach(
  pods: readonly NewObject[],
  callers: number,
  ask: (pod: NewObject, index: number) => Promise<unknown>,
): Promise<Measured> {
  const turns = pods.length / callers;
  let next = 0;
  return await measure({ callers, ms: Infinity, turns }, async () => {
    const index = next++;
    const pod = pods[index];
    if (pod === undefined)
      throw new Error(`${String(callers)} callers cannot share ${String(pods.length)} pods evenly`);
    await ask(pod, index);
  });
}
