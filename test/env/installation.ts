import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import type { InjectionModes } from '../../api/injection-mode.ts';
import { READ_API_SERVICE, SYSTEM_NAMESPACE, WEBHOOK_CONFIGURATION, WEBHOOK_SERVICE } from '../../api/names.ts';
import { installedAdmission } from '../../hack/chart-files.ts';
import { chartDefaults } from '../../hack/chart-values.ts';
import { migrate } from '../../ledger/migrate.ts';
import type { TestEnv } from './env.ts';
import type { ControlPlane } from './kubernetes/control-plane.ts';
import { endpointSlice } from './kubernetes/endpoint-slice.ts';
import { applyManifests } from './kubernetes/manifests.ts';
import { type ServiceForwarder, startServiceForwarder } from './network/service-forwarder.ts';
import { clusterLogin } from './postgres/cluster-login.ts';
import { readMetric } from './read-metric.ts';
import { type Child, logTail } from './run/child-process.ts';
import { eventually } from './run/eventually.ts';
import { type Reservation, reservePort } from './run/port-reservation.ts';

const repository = path.join(import.meta.dirname, '..', '..');

/** The entry points of the programs: the sources, or the bundles of `make build`. */
const programs = {
  sources: { operator: 'operator/main.ts', webhook: 'webhook/main.ts' },
  build: { operator: 'build/operator.js', webhook: 'build/webhook.js' },
} as const;

export interface InstallationOptions {
  readonly testEnv: TestEnv;
  /** The cluster to install into. The default is the first one of the test environment. */
  readonly controlPlane?: ControlPlane;
  /** The ledger, with the login of its owner. It is migrated first. */
  readonly ledgerUrl: string;
  /** The login of the programs. The default is one that reaches only the addresses of their cluster. */
  readonly login?: 'cluster' | 'owner';
  /** How many of each to start. The default is one. With 0 webhooks the webhook configurations are removed. */
  readonly operators?: number;
  readonly webhooks?: number;
  readonly programs?: keyof typeof programs;
  /** More arguments for Node.js. The programs always have those of the chart. */
  readonly nodeArgs?: readonly string[];
  /** Which objects get addresses. The default is that of the chart. */
  readonly modes?: InjectionModes;
  /** Gives each webhook a pod object of its own, so that it has a stock. */
  readonly stock?: boolean;
  /** More environment variables for the processes, such as the ledger URL of a proxy. */
  readonly env?: NodeJS.ProcessEnv;
}

/** The name and the uid of a pod object. */
export interface WebhookPod {
  readonly name: string;
  readonly uid: string;
}

/** One process of rock-mac, an operator or a webhook. */
export interface Program {
  readonly name: string;
  readonly logFile: string;
  /** The port of the admission reviews or of the read API. */
  readonly port: number;
  readonly healthPort: number;
  readonly metricsPort: number;
  /** The pod object of a webhook that has a stock. */
  readonly pod: WebhookPod | undefined;
  /** Returns the value of one metric, summed over its labels. Returns 0 if it has no samples. */
  metric(name: string): Promise<number>;
  /** Sends SIGTERM and waits for the exit. */
  stop(): Promise<void>;
  /** Sends SIGKILL and waits for the exit. */
  kill(): Promise<void>;
  /** Sends another signal, such as SIGSTOP or SIGCONT. */
  signal(name: NodeJS.Signals): void;
}

/**
 * rock-mac in the test environment, as in a cluster: the manifests that users apply, and processes with the rights of their
 * ServiceAccounts behind the addresses of their Services. Only the start of the processes replaces the kubelet.
 */
export interface Installation {
  /** The token of a ServiceAccount that may read the metrics. */
  readonly metricsToken: string;
  readonly operators: readonly Program[];
  readonly webhooks: readonly Program[];
  /** The Service of the webhooks. */
  readonly webhookService: ServiceForwarder;
  /** Starts an operator, with more environment variables for this one only. */
  startOperator(env?: NodeJS.ProcessEnv): Promise<Program>;
  /**
   * Starts a webhook, with more environment variables for this one only. With a stock it gets a new pod, or is the next process of
   * an earlier one.
   */
  startWebhook(env?: NodeJS.ProcessEnv, pod?: WebhookPod): Promise<Program>;
  /** Resolves when the leader has published the counts of every pool. */
  ready(): Promise<void>;
  /** Stops all processes. The objects of the manifests remain. */
  close(): Promise<void>;
}

export async function install(options: InstallationOptions): Promise<Installation> {
  const { testEnv, ledgerUrl } = options;
  const plane = options.controlPlane ?? testEnv.controlPlane;
  await Promise.all([applyInstallation(plane, options.modes), migrate(ledgerUrl)]);
  const programUrl =
    options.login === 'owner' ? ledgerUrl : await clusterLogin(ledgerUrl, loginNameOf(plane, ledgerUrl));
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
  const starter = createStarter({ ...options, ledgerUrl: programUrl }, plane.name, metricsToken);

  const installation: Installation = {
    metricsToken,
    operators,
    webhooks,
    webhookService,
    startOperator: async (env = {}) => {
      const { program, port } = await starter.start('operator', {
        KUBECONFIG: operatorConfig,
        ROCK_MAC_READ_API_HOST: '127.0.0.1',
        ...env,
      });
      readApiService.add({ host: '127.0.0.1', port });
      operators.push(program);
      return program;
    },
    startWebhook: async (env = {}, earlierPod) => {
      const pod = options.stock === true ? (earlierPod ?? (await createWebhookPod(plane, webhooks.length))) : undefined;
      const { program: started, port } = await starter.start('webhook', {
        ...(pod !== undefined && { ROCK_MAC_POD_NAME: pod.name, ROCK_MAC_POD_UID: pod.uid }),
        KUBECONFIG: webhookConfig,
        ROCK_MAC_WEBHOOK_HOST: '127.0.0.1',
        ROCK_MAC_DRAIN_SECONDS: '1',
        ...env,
      });
      const endpoint = { host: '127.0.0.1', port };
      webhookService.add(endpoint);
      const program: Program = {
        ...started,
        pod,
        // Like kube-proxy for a terminating pod: open connections stay, new ones go elsewhere.
        stop: async () => {
          const stopped = started.stop();
          webhookService.remove(endpoint);
          await stopped;
          if (pod !== undefined) await deleteWebhookPod(plane, pod);
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

/** Returns the name of the login with which the programs of a cluster use a ledger. */
export function loginNameOf({ name }: Pick<ControlPlane, 'name'>, ledgerUrl: string): string {
  return `rock_mac${new URL(ledgerUrl).pathname.replace('/', '_')}_${name}`;
}

async function applyInstallation({ kubectl }: ControlPlane, modes?: InjectionModes): Promise<void> {
  await applyManifests(kubectl, [path.join(repository, 'crds')]);
  const manifests = ['namespace', 'rbac', 'roles', 'admission', 'read-api'].map((name) =>
    path.join(repository, 'deploy', 'manifests', `${name}.yaml`),
  );
  await applyManifests(kubectl, manifests);
  if (modes === undefined) return;
  const items = installedAdmission(modes);
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
}

/** A pod object for a webhook that runs as a process of the test. Nothing schedules it. */
async function createWebhookPod({ kubectl, name: plane }: ControlPlane, index: number): Promise<WebhookPod> {
  const name = `rock-mac-webhook-${plane}-${String(index)}-${randomBytes(3).toString('hex')}`;
  const container = {
    name: 'webhook',
    image: 'example.invalid/none',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: SYSTEM_NAMESPACE },
    spec: { containers: [container], securityContext, automountServiceAccountToken: false },
  };
  const created = JSON.parse(
    await kubectl(['create', '-o', 'json', '-f', '-'], { input: JSON.stringify(pod) }),
  ) as unknown;
  const { metadata } = z.object({ metadata: z.object({ uid: z.string() }) }).parse(created);
  return { name, uid: metadata.uid };
}

/** Deletes the pod object of a webhook that has ended. */
export async function deleteWebhookPod({ kubectl }: ControlPlane, { name }: WebhookPod): Promise<void> {
  await kubectl(['delete', 'pod', name, '-n', SYSTEM_NAMESPACE, '--ignore-not-found', '--wait=false', '--force']);
}

/** For tests without a webhook: the API server would otherwise reject every object that opted in. */
async function removeWebhookConfigurations({ kubectl }: ControlPlane): Promise<void> {
  await kubectl(['delete', 'mutatingwebhookconfiguration,validatingwebhookconfiguration', WEBHOOK_CONFIGURATION]);
}

/** Creates a ServiceAccount that may read the metrics, like the one of Prometheus. Returns its token. */
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

async function forwardService({ kubectl, egress }: ControlPlane, name: string): Promise<ServiceForwarder> {
  const text = await kubectl(['get', 'service', name, '-n', SYSTEM_NAMESPACE, '-o', 'json']);
  const { clusterIP, ports } = serviceAnswer.parse(JSON.parse(text)).spec;
  const options = { clusterIp: clusterIP, port: ports[0].port, targets: [] };
  return await (egress?.forwardService(options) ?? startServiceForwarder(options));
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
        args: [
          ...(options.nodeArgs ?? []),
          ...(chartDefaults()[kind]?.nodeArgs ?? []),
          path.join(repository, files[kind]),
        ],
        env: {
          ROCK_MAC_LEDGER_URL: ledgerUrl,
          ROCK_MAC_HEALTH_HOST: '127.0.0.1',
          ROCK_MAC_HEALTH_PORT: String(healthPort),
          ROCK_MAC_METRICS_PORT: String(metricsPort),
          ROCK_MAC_WEBHOOK_PORT: String(port),
          ROCK_MAC_READ_API_PORT: String(port),
          ROCK_MAC_IDENTITY: name,
          ...(options.modes !== undefined && {
            ROCK_MAC_PODS_MODE: options.modes.pods,
            ROCK_MAC_VIRTUAL_MACHINES_MODE: options.modes.virtualMachines,
          }),
          ...env,
          ...own,
        },
      });
      await untilReady(child, name, healthPort);
      const metric = (wanted: string) => readMetric(wanted, { port: metricsPort, token: metricsToken });
      return { program: { ...programOf(child, name), port, healthPort, metricsPort, pod: undefined, metric }, port };
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
    // The first operator of a cluster runs the initial sync first.
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
