/*
 * Measures what the webhook costs a create, as ratios that hold on any machine: without a webhook, with one that only
 * allows, with one that patches, and with rock-mac, in alternating rounds of one run. `--quick` runs fewer rounds and
 * writes no report.
 */
import path from 'node:path';
import { pino } from 'pino';
import { z } from 'zod';
import { table } from '../../hack/markdown.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { markAdopted, registerCluster } from '../../ledger/state/clusters.ts';
import { openLedger, type LedgerClient } from '../../ledger/connection/connect.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { mac } from '../../mac/mac-address.ts';
import { makeCa, makeServingCertificate } from '../../kube/server/certificates.ts';
import { reservePort } from '../env/run/port-reservation.ts';
import { eventually } from '../env/run/eventually.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { startServiceForwarder } from '../env/network/service-forwarder.ts';
import { annotatedPods } from '../integration/pod-kind.ts';
import { cpuTime, type CpuTime } from './cpu-time.ts';
import { measure, measureAllocations, median, percentile, type Measured } from './measure.ts';
import { CLUSTER, podRequest } from './requests.ts';
import { goalTable, keep, machine, milliseconds, perSecond, type Goal } from './report.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 3 : 9;
const ROUND_MS = quick ? 1_200 : 2_000;
const IN_A_ROW = quick ? 1_000 : 10_000;
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const HOUR_MS = 3_600_000;

/** The labels and annotations that select the webhook of a pod. Their sizes are the same. */
const WAYS = {
  none: { labels: { way: 'none' }, inject: 'nope' },
  yes: { labels: { way: 'yes' }, inject: 'nope' },
  patch: { labels: { way: 'patch' }, inject: 'nope' },
  ours: { labels: { way: 'ours' }, inject: 'true' },
} as const;
type Way = keyof typeof WAYS;
const WAY_NAMES = ['none', 'yes', 'patch', 'ours'] as const;
const TITLES: Readonly<Record<Way, string>> = {
  none: 'no webhook',
  yes: 'one that says yes',
  patch: 'one that patches',
  ours: 'ours',
};

let made = 0;

function aPod(way: Way): NewObject {
  const { labels, inject } = WAYS[way];
  const annotations = { 'mac.rock-os.io/inject': inject, [NETWORKS]: '[{"name":"blue"}]' };
  return {
    metadata: { name: `${way}-${String(made++)}`, labels, annotations },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
  };
}

const serviceAnswer = z.object({ spec: z.object({ clusterIP: z.string() }) });

/** Registers and starts the webhooks without a ledger in one process, behind a Service like that of rock-mac. */
async function startNoop({ controlPlane: { kubectl }, run }: TestEnv): Promise<() => Promise<void>> {
  const ca = await makeCa(Date.now(), 24 * HOUR_MS);
  const leaf = await makeServingCertificate(ca, ['noop.default.svc'], Date.now(), 24 * HOUR_MS);
  const { value: port, release } = await reservePort();
  await run.spawn({
    name: 'noop-webhook',
    command: process.execPath,
    args: [path.join(import.meta.dirname, 'noop-webhook.ts')],
    env: { BENCH_PORT: String(port), BENCH_CERTIFICATE: leaf.certificate, BENCH_KEY: leaf.key },
  });
  const apply = async (object: object) =>
    await kubectl(['apply', '-o', 'json', '-f', '-'], { input: JSON.stringify(object) });
  const service = await apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'noop', namespace: 'default' },
    spec: { ports: [{ port: 10_250 }] },
  });
  const { clusterIP: clusterIp } = serviceAnswer.parse(JSON.parse(service)).spec;
  const forwarder = await startServiceForwarder({ clusterIp, port: 10_250, targets: [{ host: '127.0.0.1', port }] });
  await apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'zz-noop' },
    webhooks: (['yes', 'patch'] as const).map((way) => ({
      name: `${way}.bench.example`,
      admissionReviewVersions: ['v1'],
      clientConfig: {
        service: { namespace: 'default', name: 'noop', port: 10_250, path: `/${way}` },
        caBundle: Buffer.from(ca.certificate).toString('base64'),
      },
      rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      objectSelector: { matchLabels: WAYS[way].labels },
      failurePolicy: 'Fail',
      sideEffects: 'None',
      timeoutSeconds: 5,
    })),
  });
  return async () => {
    await forwarder.close();
    await release();
  };
}

/** The network of the pods, as in a cluster with Multus. */
async function defineNetwork({ controlPlane: { kubectl } }: TestEnv): Promise<void> {
  await installForeignCrds(kubectl, ['network-attachment-definitions']);
  const definition = {
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name: 'blue', namespace: 'default' },
    spec: { config: '{"cniVersion":"1.0.0","type":"bridge"}' },
  };
  await kubectl(['create', '-f', '-'], { input: JSON.stringify(definition) });
}

const p50 = ({ latencies }: Measured) => percentile(latencies, 50);
const p99 = ({ latencies }: Measured) => percentile(latencies, 99);

/** The number of creates of a round, and their cost. */
interface Round extends Measured {
  /** Milliseconds of CPU for each create, by program. */
  readonly cpu: CpuTime;
}
type Rounds = Readonly<Record<Way, Round[]>>;

const over = (rounds: readonly Measured[], of: (measured: Measured) => number) => median(rounds.map(of));
/** The ratio to the webhook that only allows, in the same round, because rounds differ more than webhooks. */
const ratio = (rounds: Rounds, way: Way, of: (measured: Measured) => number) =>
  median(rounds[way].map((round, index) => of(round) / of(rounds.yes[index] ?? round)));

async function createsAt(callers: number, client: KubeClient, between: () => Promise<void>): Promise<Rounds> {
  const rounds: Rounds = { none: [], yes: [], patch: [], ours: [] };
  for (let round = 0; round < ROUNDS; round++) {
    // The order rotates, so that none always runs after the garbage of the same other one.
    for (const way of WAY_NAMES.map((_, index) => WAY_NAMES[(index + round) % WAY_NAMES.length] ?? 'none')) {
      const before = cpuTime();
      const measured = await measure({ callers, ms: ROUND_MS }, () => create(client, way));
      const cpu = [...cpuTime()].map(([program, ms]): [string, number] => [
        program,
        (ms - (before.get(program) ?? 0)) / measured.latencies.length,
      ]);
      rounds[way].push({ ...measured, cpu: new Map(cpu) });
      await between();
    }
  }
  return rounds;
}

async function create(client: KubeClient, way: Way) {
  return await client.create(annotatedPods, aPod(way), { namespace: 'default', attempts: 1 });
}

/** Binds every address, as the operator does a moment later: thousands of pending addresses are no lasting state. */
async function bindAll(ledger: LedgerClient): Promise<void> {
  await ledger.connections.query(
    `update rock_mac.addresses set state = 'active', expires_at = null where state = 'pending'`,
  );
}

/** Single allocations, each after a create that passes every webhook: a disk that has just synced for etcd is slower. */
async function measureInTurn(client: KubeClient, ledger: LedgerClient): Promise<Measured> {
  const allocator = createAllocator({ db: ledger, leaseSeconds: 3_600 });
  const latencies: number[] = [];
  await measure({ callers: 1, ms: ROUND_MS / 2 }, async () => {
    await create(client, 'none');
    const asked = performance.now();
    await allocator.allocate(podRequest('experiment'), { deadlineMs: 30_000 });
    latencies.push(performance.now() - asked);
  });
  await allocator.close();
  return { perSecond: Number.NaN, latencies: latencies.sort((a, b) => a - b) };
}

interface Section {
  readonly text: string;
  readonly goals: readonly Goal[];
}

async function rates(client: KubeClient, ledger: LedgerClient): Promise<Section> {
  for (const way of WAY_NAMES) {
    await eventually(() => create(client, way), { within: 20_000 });
    await measure({ callers: 16, ms: 1_000 }, () => create(client, way)); // connections, caches and compiled code
  }
  const inTurn: Measured[] = [];
  const alone: Measured[] = [];
  const single = await createsAt(1, client, async () => {
    await bindAll(ledger);
    inTurn.push(await measureInTurn(client, ledger));
    alone.push(await measureAllocations(ledger, { callers: 1, ms: ROUND_MS / 4 }, () => podRequest('experiment')));
  });
  const sixteen = await createsAt(16, client, () => bindAll(ledger));
  const many = await createsAt(64, client, () => bindAll(ledger));
  const allocation = { inTurn: over(inTurn, p50), alone: over(alone, p50) };
  const added = (way: Way) => over(single[way], p50) - over(single.none, p50);

  const head = ['creates', '1: p50 ms', '16: p50 ms', '16: p99 ms', '16: per second', '64: per second'];
  const rows = WAY_NAMES.map((way) => [
    TITLES[way],
    milliseconds(over(single[way], p50)),
    milliseconds(over(sixteen[way], p50)),
    milliseconds(over(sixteen[way], p99)),
    perSecond(over(sixteen[way], rate)),
    perSecond(over(many[way], rate)),
  ]);
  const words = `One allocation: p50 ${milliseconds(allocation.alone)} ms by itself, ${milliseconds(allocation.inTurn)} ms in turn with creates. Added to a create, one at a time: ${milliseconds(added('yes'))} ms by the one that says yes, ${milliseconds(added('ours'))} ms by ours.`;
  return {
    text: [`### Creates`, table(head, rows), words, '### CPU of a create, 16 at once', cpuTable(sixteen)].join('\n\n'),
    goals: [
      ...(['inTurn', 'alone'] as const).map((how) =>
        below(
          `added p50 ≤ that of the one that says yes + 1.5 allocations (${how === 'inTurn' ? 'in turn' : 'by itself'})`,
          added('ours') / (added('yes') + 1.5 * allocation[how]),
          1,
        ),
      ),
      below('p99 at 16 at once ≤ 1.5 × that of the one that says yes', ratio(sixteen, 'ours', p99), 1.5),
      above('creates/s at 16 ≥ 0.9 × the one that says yes', ratio(sixteen, 'ours', rate), 0.9),
      above('creates/s at 64 ≥ 0.9 × the one that says yes', ratio(many, 'ours', rate), 0.9),
    ],
  };
}

const rate = ({ perSecond: each }: Measured) => each;
const below = (goal: string, measured: number, limit: number) => ({ goal, measured, reached: measured <= limit });
const above = (goal: string, measured: number, limit: number) => ({ goal, measured, reached: measured >= limit });

/** The CPU time by program, which limits the creates per second on few cores. */
function cpuTable(rounds: Rounds): string {
  const programs = [...new Set(rounds.ours.flatMap(({ cpu }) => [...cpu.keys()]))].sort();
  const rows = WAY_NAMES.map((way) => {
    const each = programs.map((program) => median(rounds[way].map(({ cpu }) => cpu.get(program) ?? 0)));
    const sum = each.reduce((total, ms) => total + ms, 0);
    return [TITLES[way], ...[...each, sum].map((ms) => ms.toFixed(2))];
  });
  return table(['ms of CPU', ...programs, 'all'], rows);
}

const MIB = 2 ** 20;

/** Runs many creates in a row with an operator: measures memory, and compares the addresses of pods with the ledger. */
async function inARow(client: KubeClient, ledger: LedgerClient, installation: Installation): Promise<Section> {
  const [webhook] = installation.webhooks;
  const carried: string[] = [];
  const memory: number[] = [];
  const steps = 10;
  const started = performance.now();
  for (let step = 0; step < steps; step++) {
    await measure({ callers: 16, ms: Infinity, turns: Math.ceil(IN_A_ROW / steps / 16) }, async () => {
      const { metadata } = await create(client, 'ours');
      const networks = JSON.parse(metadata.annotations?.[NETWORKS] ?? '[]') as { mac?: string }[];
      carried.push(networks[0]?.mac ?? 'none');
    });
    memory.push(((await webhook?.metric('process_resident_memory_bytes')) ?? 0) / MIB);
  }
  const seconds = (performance.now() - started) / 1_000;
  const rows = await ledger.query({
    text: `select rock_mac.to_mac(addr)::text as mac from rock_mac.addresses where state in ('pending', 'active') and owner_name like 'ours-%'`,
    values: [],
    row: z.object({ mac: z.string() }),
  });
  const held = new Set(rows.map((row) => row.mac));
  const lost = carried.filter((each) => !held.has(each)).length;
  const doubled = carried.length - new Set(carried).size;
  // The pods of the earlier rounds are held too, one address each.
  const { items } = await client.list(annotatedPods, { namespace: 'default', labelSelector: 'way=ours' });
  const leaked = held.size - items.length;
  const [first = 0] = memory;
  const settled = median(memory.slice(1, 4));
  const last = median(memory.slice(-3));
  const head = [
    'creates in a row',
    'per second',
    'memory after a tenth',
    'at the end',
    'doubled',
    'leaked',
    'carried and not held',
  ];
  const line = [
    perSecond(carried.length),
    perSecond(carried.length / seconds),
    `${first.toFixed(0)} MiB`,
    `${last.toFixed(0)} MiB`,
    String(doubled),
    String(leaked),
    String(lost),
  ];
  return {
    text: `### In a row\n\n${table(head, [line])}`,
    goals: [
      { goal: 'memory at the end ≤ 1.25 × early on', measured: last / settled, reached: last <= settled * 1.25 },
      {
        goal: 'addresses doubled, leaked or lost: 0',
        measured: doubled + Math.abs(leaked) + lost,
        reached: doubled + Math.abs(leaked) + lost === 0,
      },
    ],
  };
}

const started = machine();
const testEnv = await startTestEnv();
try {
  const url = await testEnv.postgres.createDatabase('rock_mac');
  const installation = await install({ testEnv, ledgerUrl: url });
  await installation.ready();
  await defineNetwork(testEnv);
  const ledger = openLedger({
    url,
    applicationName: 'bench',
    max: 4,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 60_000,
  });
  await registerCluster(ledger, { clusterId: CLUSTER, name: 'bench' }, 'bench');
  await markAdopted(ledger, { clusterId: CLUSTER, epoch: 1 }, 'bench');
  const wide = { name: 'wide', first: mac('a4:58:0f:40:00:00'), last: mac('a4:58:0f:bf:ff:ff'), description: '' };
  await definePool(ledger, { ...wide, autoReleaseSeconds: 86_400, reuseDelaySeconds: 3_600 }, 'bench');
  // Nothing is bound while no operator runs.
  await ledger.connections.query('update rock_mac.ledger_state set pending_cap = 1000000');
  await Promise.all(installation.operators.map((operator) => operator.stop()));
  const client = createKubeClient({
    userAgent: 'bench',
    kubeconfig: testEnv.controlPlane.kubeconfig,
    logger: pino({ enabled: false }),
    maxConnections: 80,
  });
  const stopNoop = await startNoop(testEnv);
  const one = await rates(client, ledger);
  await installation.startOperator();
  const two = await inARow(client, ledger, installation);

  const day = new Date().toISOString().slice(0, 10);
  const text = [
    `Measured ${day}, ${started}; Kubernetes 1.37, PostgreSQL 18, Node ${process.versions.node}, fsync on.`,
    one.text,
    two.text,
    `### Goals of the webhook\n\n${goalTable([...one.goals, ...two.goals])}`,
  ].join('\n\n');
  console.log(text);
  if (!quick) await keep(new URL('../../docs/benchmarks.md', import.meta.url), text, 'bench-webhook');
  await client.close();
  await ledger.close();
  await installation.close();
  await stopNoop();
} finally {
  await testEnv.close();
}
