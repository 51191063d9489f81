import path from 'node:path';
import { z } from 'zod';
import { READ_API_SERVICE, SYSTEM_NAMESPACE, WEBHOOK_CONFIGURATION, WEBHOOK_SERVICE } from '../../api/names.ts';
import { migrate } from '../../ledger/migrate.ts';
import { reservePort, type Reservation } from './run/port-reservation.ts';
import type { ControlPlane } from './kubernetes/control-plane.ts';
import { endpointSlice } from './kubernetes/endpoint-slices.ts';
import { eventually } from './run/eventually.ts';
import type { TestEnv } from './env.ts';
import { applyManifests } from './kubernetes/manifests.ts';
import { logTail, type Child } from './run/child-process.ts';
import { readMetric } from './read-metric.ts';
import { startServiceForwarder, type ServiceForwarder } from './network/service-forwarder.ts';

const repository = path.join(import.meta.dirname, '..', '..');

/** Where the programs come from: the sources as they are, or the bundles of `make build`. */
const programs = {
  sources: { operator: 'operator/main.ts', webhook: 'webhook/main.ts' },
  build: { operator: 'build/operator.js', webhook: 'build/webhook.js' },
} as const;

export interface InstallationOptions {
  readonly testEnv: TestEnv;
  /** The cluster to install into; the test environment's first when not given. */
  readonly controlPlane?: ControlPlane;
  /** The ledger; migrated here. */
  readonly ledgerUrl: string;
  /** How many of each to start at once; one when not given. Without a webhook nothing is sent to one. */
  readonly operators?: number;
  readonly webhooks?: number;
  readonly programs?: keyof typeof programs;
  /** What Node.js is told for the operators. */
  readonly operatorNodeArgs?: readonly string[];
  /** More environment for the processes, or another way to the ledger for them (a proxy, say). */
  readonly env?: NodeJS.ProcessEnv;
}

/** One process of rock-mac. */
export interface Program {
  readonly name: string;
  readonly logFile: string;
  /** Where a webhook answers reviews. */
  readonly port: number;
  readonly healthPort: number;
  readonly metricsPort: number;
  /** The value of one sample of its metrics, summed over its labels; 0 where it has none. */
  metric(name: string): Promise<number>;
  /** SIGTERM, and the wait for its end. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Any other signal: SIGSTOP and SIGCONT, say. */
  signal(name: NodeJS.Signals): void;
}

/**
 * rock-mac on the test environment as it is in a cluster: the manifests that users apply, and processes that run with the rights of
 * their ServiceAccounts behind the Service's address. Only the kubelet's part, starting them, is done here.
 */
export interface Installation {
  /** Of a ServiceAccount that may read the metrics. */
  readonly metricsToken: string;
  readonly operators: readonly Program[];
  readonly webhooks: readonly Program[];
  startOperator(): Promise<Program>;
  /** With more environment for this one alone. */
  startWebhook(env?: NodeJS.ProcessEnv): Promise<Program>;
  /** Resolves when the operator leads and every pool is shown. */
  ready(): Promise<void>;
  /** Stops all processes. The manifests stay. */
  close(): Promise<void>;
}

export async function install(options: InstallationOptions): Promise<Installation> {
  const { testEnv, ledgerUrl } = options;
  const plane = options.controlPlane ?? testEnv.controlPlane;
  await Promise.all([applyInstallation(plane), migrate(ledgerUrl)]);
  if (options.webhooks === 0) await removeWebhookConfigurations(plane);
  const [operatorConfig, webhookConfig, metricsToken, webhookService, readApiService] = await Promise.all([
    plane.serviceAccountKubeconfig(SYSTEM_NAMESPACE, 'rock-mac-operator'),
    plane.serviceAccountKubeconfig(SYSTEM_NAMESPACE, 'rock-mac-webhook'),
    makeMetricsReader(plane),
    forwardService(plane, WEBHOOK_SERVICE),
    forwardService(plane, READ_API_SERVICE),
    writeEndpoints(plane, READ_API_SERVICE),
  ]);
  const operators: Program[] = [];
  const webhooks: Program[] = [];
  const starter = createStarter(options, plane.name, metricsToken);

  const installation: Installation = {
    metricsToken,
    operators,
    webhooks,
    startOperator: async () => {
      const { program, port } = await starter.start('operator', {
        KUBECONFIG: operatorConfig,
        ROCK_MAC_READ_API_HOST: '127.0.0.1',
      });
      readApiService.add({ host: '127.0.0.1', port });
      operators.push(program);
      return program;
    },
    startWebhook: async (env = {}) => {
      const { program: started, port } = await starter.start('webhook', {
        KUBECONFIG: webhookConfig,
        ROCK_MAC_WEBHOOK_HOST: '127.0.0.1',
        ROCK_MAC_DRAIN_SECONDS: '1',
        ...env,
      });
      const endpoint = { host: '127.0.0.1', port };
      webhookService.add(endpoint);
      const program: Program = {
        ...started,
        // As kube-proxy does when a pod is told to end: what is open stays open, and nothing new is sent there.
        stop: async () => {
          const stopped = started.stop();
          webhookService.remove(endpoint);
          await stopped;
        },
      };
      webhooks.push(program);
      return program;
    },
    ready: async () => {
      await eventually(
        async () => {
          const shown = await plane.kubectl(['get', 'macpools', '-o', 'jsonpath={.items[*].status.capacity}']);
          if (shown.trim().split(/\s+/).length < 7) throw new Error(`pools are not counted yet: ${shown}`);
        },
        { within: 60_000, every: 200 },
      );
    },
    close: async () => {
      await Promise.all([...operators, ...webhooks].map((program) => program.stop()));
      await Promise.all([webhookService.close(), readApiService.close()]);
      await starter.close();
    },
  };
  await Promise.all([
    ...Array.from({ length: options.operators ?? 1 }, () => installation.startOperator()),
    ...Array.from({ length: options.webhooks ?? 1 }, () => installation.startWebhook()),
  ]);
  return installation;
}

async function applyInstallation({ kubectl }: ControlPlane): Promise<void> {
  await applyManifests(kubectl, [path.join(repository, 'crds')]);
  const manifests = ['namespace', 'rbac', 'roles', 'admission', 'read-api'].map((name) =>
    path.join(repository, 'deploy', 'manifests', `${name}.yaml`),
  );
  await applyManifests(kubectl, manifests);
}

/** For tests of the operator alone: what nobody answers would be refused. */
async function removeWebhookConfigurations({ kubectl }: ControlPlane): Promise<void> {
  await kubectl(['delete', 'mutatingwebhookconfiguration,validatingwebhookconfiguration', WEBHOOK_CONFIGURATION]);
}

/** What stands for Prometheus. Answers its token. */
async function makeMetricsReader({ kubectl }: ControlPlane): Promise<string> {
  const name = 'metrics-reader';
  const namespace = ['-n', SYSTEM_NAMESPACE];
  const manifests = [
    await kubectl(['create', 'serviceaccount', name, ...namespace, '--dry-run=client', '-o', 'yaml']),
    await kubectl([
      ...['create', 'clusterrolebinding', name, '--clusterrole=rock-mac-metrics-reader'],
      ...[`--serviceaccount=${SYSTEM_NAMESPACE}:${name}`, '--dry-run=client', '-o', 'yaml'],
    ]),
  ];
  await kubectl(['apply', '-f', '-'], { input: manifests.join('---\n') });
  return (await kubectl(['create', 'token', name, ...namespace, '--duration=24h'])).trim();
}

const serviceAnswer = z.object({
  spec: z.object({ clusterIP: z.string(), ports: z.tuple([z.object({ port: z.number() })]) }),
});

async function forwardService({ kubectl }: ControlPlane, name: string): Promise<ServiceForwarder> {
  const text = await kubectl(['get', 'service', name, '-n', SYSTEM_NAMESPACE, '-o', 'json']);
  const { clusterIP, ports } = serviceAnswer.parse(JSON.parse(text)).spec;
  return await startServiceForwarder({ clusterIp: clusterIP, port: ports[0].port, targets: [] });
}

async function writeEndpoints({ kubectl }: ControlPlane, service: string): Promise<void> {
  const slice = endpointSlice({ name: service, namespace: SYSTEM_NAMESPACE, port: 10_250 });
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(slice) });
}

type Kind = keyof (typeof programs)['sources'];

function createStarter(
  { testEnv, ledgerUrl, env = {}, ...options }: InstallationOptions,
  planeName: string,
  metricsToken: string,
) {
  const reservations: Reservation<number>[] = [];
  const files = programs[options.programs ?? 'sources'];
  let started = 0;

  async function reserve(): Promise<number> {
    const reservation = await reservePort();
    reservations.push(reservation);
    return reservation.value;
  }

  return {
    start: async (kind: Kind, own: NodeJS.ProcessEnv): Promise<{ program: Program; port: number }> => {
      const name = `${planeName}-${kind}-${++started}`;
      const [port, healthPort, metricsPort] = [await reserve(), await reserve(), await reserve()];
      const child = await testEnv.run.spawn({
        name,
        command: process.execPath,
        args: [...(kind === 'operator' ? (options.operatorNodeArgs ?? []) : []), path.join(repository, files[kind])],
        env: {
          ROCK_MAC_LEDGER_URL: ledgerUrl,
          ROCK_MAC_HEALTH_HOST: '127.0.0.1',
          ROCK_MAC_HEALTH_PORT: String(healthPort),
          ROCK_MAC_METRICS_PORT: String(metricsPort),
          ROCK_MAC_WEBHOOK_PORT: String(port),
          ROCK_MAC_READ_API_PORT: String(port),
          ROCK_MAC_IDENTITY: name,
          ...env,
          ...own,
        },
      });
      await untilReady(child, name, healthPort);
      const metric = (wanted: string) => readMetric(wanted, { port: metricsPort, token: metricsToken });
      return { program: { ...programOf(child, name), port, healthPort, metricsPort, metric }, port };
    },
    close: async () => {
      await Promise.all(reservations.map(({ release }) => release()));
    },
  };
}

async function untilReady(child: Child, name: string, healthPort: number): Promise<void> {
  await eventually(
    async () => {
      const answer = await fetch(`http://127.0.0.1:${healthPort}/readyz`);
      if (!answer.ok) throw new Error(`${name} is not ready: ${await answer.text()}`);
    },
    // The first operator of a cluster has to look at all of it before.
    { within: 90_000, every: 100 },
  ).catch((error: unknown) => {
    throw new Error(`${name} did not get ready. Its log ends with:\n${logTail(child.logFile)}`, { cause: error });
  });
}

function programOf(child: Child, name: string): Pick<Program, 'name' | 'logFile' | 'stop' | 'kill' | 'signal'> {
  return {
    name,
    logFile: child.logFile,
    stop: async () => {
      child.signal('SIGTERM');
      await child.exited;
    },
    kill: () => child.kill(),
    signal: (signal) => {
      child.signal(signal);
    },
  };
}
