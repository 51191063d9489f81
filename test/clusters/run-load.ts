import { setTimeout as sleep } from 'node:timers/promises';
import { ANNOTATIONS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { deployments } from '../../kube/client/core-resources.ts';
import { KubeConnectionError, KubeError } from '../../kube/client/errors.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import type { NewObject } from '../../kube/client/write.ts';
import type { Step } from './load-plan.ts';
import { NETWORKS, pods } from './stored-kinds.ts';

/** The requests of one cluster so far. */
export interface LoadCounts {
  readonly accepted: Readonly<Partial<Record<Step['do'], number>>>;
  /** How often the API server refused with this message, without its names and numbers. */
  readonly refused: ReadonlyMap<string, number>;
  /** Requests that the API server did not answer. */
  readonly unanswered: number;
}

export interface Load {
  counts(): LoadCounts;
  /** Resolves when no request is in progress. None follows until `resume`. */
  pause(): Promise<void>;
  resume(): void;
  stop(): Promise<void>;
}

export interface LoadDeps {
  readonly client: KubeClient;
  readonly plan: Iterator<Step, never>;
  /** The pool of the claims of a namespace. */
  readonly poolOf: (namespace: string) => string;
  readonly everyMs: number;
}

/** Sends the steps of a plan to one cluster, one after the other, and never the same request twice. */
export function startLoad(deps: LoadDeps): Load {
  const accepted: Partial<Record<Step['do'], number>> = {};
  const refused = new Map<string, number>();
  let unanswered = 0;
  let isPaused = false;
  let isStopped = false;
  let busy = Promise.resolve();

  async function send(step: Step): Promise<void> {
    try {
      await perform(step, deps);
      accepted[step.do] = (accepted[step.do] ?? 0) + 1;
    } catch (error) {
      if (error instanceof KubeConnectionError) unanswered++;
      else if (error instanceof KubeError) {
        const reason = generalised(error.message);
        refused.set(reason, (refused.get(reason) ?? 0) + 1);
      } else throw error;
    }
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      const began = performance.now();
      if (!isPaused) {
        busy = send(deps.plan.next().value);
        await busy;
      }
      await sleep(Math.max(20, deps.everyMs - (performance.now() - began)));
    }
  }

  const running = run();
  // A failure is reported by `stop`.
  running.catch(() => undefined);
  return {
    counts: () => ({ accepted: { ...accepted }, refused: new Map(refused), unanswered }),
    pause: async () => {
      isPaused = true;
      await busy;
    },
    resume: () => {
      isPaused = false;
    },
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
}

/** Returns the manifest of a pod in as many networks. They have the same names in all clusters. */
export function podManifest(name: string, networks: number, annotations: Readonly<Record<string, string>> = {}) {
  return { metadata: { name, annotations: { [NETWORKS]: networksText(networks), ...annotations } }, spec: podSpec };
}

const podSpec = { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'example.invalid/none' }] };

function networksText(count: number): string {
  return JSON.stringify(Array.from({ length: count }, (_, index) => ({ name: `net-${String(index)}` })));
}

/** Returns the manifest of a Deployment. Its pods never get ready, so a rollout must not wait for that. */
export function deploymentManifest(name: string, replicas: number): NewObject {
  const labels = { app: name };
  return {
    metadata: { name },
    spec: {
      replicas,
      revisionHistoryLimit: 1,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '100%' } },
      template: { metadata: { labels, annotations: { [NETWORKS]: networksText(1) } }, spec: podSpec },
    },
  };
}

async function perform(step: Step, { client, poolOf }: LoadDeps): Promise<void> {
  const { namespace, name } = step;
  const once = { attempts: 1 };
  switch (step.do) {
    case 'create pod': {
      const uses = step.claim === undefined ? {} : { [ANNOTATIONS.allocation]: step.claim };
      await client.create(pods, podManifest(name, step.networks, uses), { namespace, ...once });
      return;
    }
    case 'delete pod':
      await client.delete(pods, { namespace, name }, once);
      return;
    case 'create claim': {
      const manifest = { metadata: { name }, spec: { pool: poolOf(namespace) } };
      await client.create(macAllocations, manifest, { namespace, ...once });
      return;
    }
    case 'delete claim':
      await client.delete(macAllocations, { namespace, name }, once);
      return;
    case 'roll out': {
      const template = { metadata: { annotations: { revision: String(step.revision) } } };
      await client.patch(deployments, { namespace, name }, { type: 'merge', body: { spec: { template } } }, once);
    }
  }
}

/** Removes what differs between equal refusals: quoted names, addresses and numbers. */
function generalised(message: string): string {
  return message
    .replaceAll(/"[^"]*"/g, '…')
    .replaceAll(/\b[\w.-]*\d[\w.:/-]*/g, '…')
    .slice(0, 160);
}
