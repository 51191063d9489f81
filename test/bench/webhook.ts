/*
 * What the webhook costs a create, in ratios that hold on any machine: without a webhook, with one that only says yes, and
 * with ours, in one run and in rounds that alternate. `--quick`: less of all, and nothing kept.
 */
import path from 'node:path';
import { pino } from 'pino';
import { z } from 'zod';
import { table } from '../../hack/table.ts';
import { createKubeClient, type KubeClient, type NewObject } from '../../kube/client.ts';
import { markAdopted, registerCluster } from '../../ledger/clusters.ts';
import { openLedger, type LedgerPool } from '../../ledger/connect.ts';
import { definePool } from '../../ledger/pools.ts';
import { mac } from '../../mac/mac-address.ts';
import { makeAuthority, makeLeaf } from '../../kube/certificates.ts';
import { claimPort } from '../ground/claim.ts';
import { eventually } from '../ground/eventually.ts';
import { startGround, type Ground } from '../ground/ground.ts';
import { install, type Installation } from '../ground/installation.ts';
import { installForeignCrds } from '../ground/manifests.ts';
import { startServiceForwarder } from '../ground/service-forwarder.ts';
import { annotatedPods } from '../integration/pod-kind.ts';
import { measure, measureAllocations, median, percentile, type Measured } from './measure.ts';
import { CLUSTER, podRequest } from './requests.ts';
import { goalTable, keep, machine, milliseconds, perSecond, type Goal } from './report.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 3 : 7;
const ROUND_MS = quick ? 1_200 : 3_000;
const IN_A_ROW = quick ? 1_000 : 10_000;
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const HOUR_MS = 3_600_000;

/** Of a pod, what decides which webhook it goes by. Their sizes are the same. */
const WAYS = {
  none: { labels: { way: 'none' }, inject: 'nope' },
  noop: { labels: { way: 'noop' }, inject: 'nope' },
  ours: { labels: { way: 'ours' }, inject: 'true' },
} as const;
type Way = keyof typeof WAYS;
const WAY_NAMES = ['none', 'noop', 'ours'] as const;

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

/** Registers and starts the webhook that only says yes, behind a Service as ours is. */
async function startNoop({ controlPlane: { kubectl }, run }: Ground): Promise<() => Promise<void>> {
  const authority = await makeAuthority(Date.now(), 24 * HOUR_MS);
  const leaf = await makeLeaf(authority, ['noop.default.svc'], Date.now(), 24 * HOUR_MS);
  const { value: port, release } = await claimPort();
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
    webhooks: [
      {
        name: 'noop.bench.example',
        admissionReviewVersions: ['v1'],
        clientConfig: {
          service: { namespace: 'default', name: 'noop', port: 10_250, path: '/admit' },
          caBundle: Buffer.from(authority.certificate).toString('base64'),
        },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        objectSelector: { matchLabels: WAYS.noop.labels },
        failurePolicy: 'Fail',
        sideEffects: 'None',
        timeoutSeconds: 5,
      },
    ],
  });
  return async () => {
    await forwarder.close();
    await release();
  };
}

/** The network of the pods, as in a cluster with Multus. */
async function defineNetwork({ controlPlane: { kubectl } }: Ground): Promise<void> {
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

type Rounds = Readonly<Record<Way, Measured[]>>;

const over = (rounds: readonly Measured[], of: (measured: Measured) => number) => median(rounds.map(of));
/** Of the same round, since rounds differ more than ways do. */
const ratio = (rounds: Rounds, of: (measured: Measured) => number) =>
  median(rounds.ours.map((ours, index) => of(ours) / of(rounds.noop[index] ?? ours)));

async function createsAt(callers: number, client: KubeClient, between: () => Promise<void>): Promise<Rounds> {
  const rounds: Rounds = { none: [], noop: [], ours: [] };
  for (let round = 0; round < ROUNDS; round++) {
    // In turn first, so that none is always the one after the garbage of another.
    for (const way of WAY_NAMES.map((_, index) => WAY_NAMES[(index + round) % WAY_NAMES.length] ?? 'none')) {
      const create = () => client.create(annotatedPods, aPod(way), { namespace: 'default', attempts: 1 });
      rounds[way].push(await measure({ callers, ms: ROUND_MS }, create));
      await between();
    }
  }
  return rounds;
}

/** What the operator does to every address a moment later; thousands that wait for it are no state that lasts. */
async function bindAll(ledger: LedgerPool): Promise<void> {
  await ledger.pool.query(`update rock_mac.addresses set state = 'active', expires_at = null where state = 'pending'`);
}

interface Section {
  readonly text: string;
  readonly goals: readonly Goal[];
}

async function rates(client: KubeClient, ledger: LedgerPool): Promise<Section> {
  for (const way of WAY_NAMES) {
    const create = () => client.create(annotatedPods, aPod(way), { namespace: 'default', attempts: 1 });
    await eventually(create, { within: 20_000 });
    await measure({ callers: 16, ms: 1_000 }, create); // connections, caches and compiled code
  }
  const allocations: Measured[] = [];
  const allocate = async () => {
    allocations.push(
      await measureAllocations(ledger, { callers: 1, ms: ROUND_MS / 3 }, () => podRequest('experiment')),
    );
  };
  await allocate();
  allocations.length = 0;
  const single = await createsAt(1, client, async () => {
    await bindAll(ledger);
    await allocate();
  });
  const sixteen = await createsAt(16, client, () => bindAll(ledger));
  const many = await createsAt(64, client, () => bindAll(ledger));

  const allocation = over(allocations, p50);
  const added = (way: Way) => over(single[way], p50) - over(single.none, p50);
  const budget = added('noop') + 1.5 * allocation;
  const line = (title: string, way: Way) => [
    title,
    milliseconds(over(single[way], p50)),
    milliseconds(over(sixteen[way], p50)),
    milliseconds(over(sixteen[way], p99)),
    perSecond(over(sixteen[way], ({ perSecond: rate }) => rate)),
    perSecond(over(many[way], ({ perSecond: rate }) => rate)),
  ];
  const head = ['creates', '1: p50 ms', '16: p50 ms', '16: p99 ms', '16: per second', '64: per second'];
  const rows = [line('no webhook', 'none'), line('one that says yes', 'noop'), line('ours', 'ours')];
  const below = (goal: string, measured: number, limit: number) => ({ goal, measured, reached: measured <= limit });
  const above = (goal: string, measured: number, limit: number) => ({ goal, measured, reached: measured >= limit });
  return {
    text: `### Creates\n\n${table(head, rows)}\n\nOne allocation by itself: p50 ${milliseconds(allocation)} ms. Added to a create, one at a time: ${milliseconds(added('noop'))} ms by the one that says yes, ${milliseconds(added('ours'))} ms by ours.`,
    goals: [
      below('added p50, to that of the one that says yes + 1.5 allocations: ≤ 1', added('ours') / budget, 1),
      below('p99 at 16 at once ≤ 1.5 × that of the one that says yes', ratio(sixteen, p99), 1.5),
      above(
        'creates/s at 16 ≥ 0.9 × the one that says yes',
        ratio(sixteen, (one) => one.perSecond),
        0.9,
      ),
      above(
        'creates/s at 64 ≥ 0.9 × the one that says yes',
        ratio(many, (one) => one.perSecond),
        0.9,
      ),
    ],
  };
}

const MIB = 2 ** 20;

/** Many creates in a row with the operator at work: memory, and what pods carry against what the ledger holds. */
async function inARow(client: KubeClient, ledger: LedgerPool, installation: Installation): Promise<Section> {
  const [webhook] = installation.webhooks;
  const carried: string[] = [];
  const memory: number[] = [];
  const steps = 10;
  for (let step = 0; step < steps; step++) {
    await measure({ callers: 16, ms: Infinity, turns: Math.ceil(IN_A_ROW / steps / 16) }, async () => {
      const { metadata } = await client.create(annotatedPods, aPod('ours'), { namespace: 'default', attempts: 1 });
      const networks = JSON.parse(metadata.annotations?.[NETWORKS] ?? '[]') as { mac?: string }[];
      carried.push(networks[0]?.mac ?? 'none');
    });
    memory.push(((await webhook?.metric('process_resident_memory_bytes')) ?? 0) / MIB);
  }
  const rows = await ledger.query({
    text: `select rock_mac.to_mac(addr)::text as mac from rock_mac.addresses where state in ('pending', 'active') and owner_name like 'ours-%'`,
    values: [],
    row: z.object({ mac: z.string() }),
  });
  const held = new Set(rows.map((row) => row.mac));
  const lost = carried.filter((each) => !held.has(each)).length;
  const doubled = carried.length - new Set(carried).size;
  // What the rounds before created is held too; each of those is one pod.
  const { items } = await client.list(annotatedPods, { namespace: 'default', labelSelector: 'way=ours' });
  const leaked = held.size - items.length;
  const [first = 0] = memory;
  const settled = median(memory.slice(1, 4));
  const last = median(memory.slice(-3));
  const head = ['creates in a row', 'memory after a tenth', 'at the end', 'doubled', 'leaked', 'carried and not held'];
  const line = [
    perSecond(carried.length),
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
const ground = await startGround();
try {
  const url = await ground.postgres.createDatabase('rock_mac');
  const installation = await install({ ground, ledgerUrl: url });
  await installation.ready();
  await defineNetwork(ground);
  const ledger = openLedger({
    url,
    applicationName: 'bench',
    max: 4,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 60_000,
  });
  await registerCluster(ledger, { clusterId: CLUSTER, name: 'bench' }, 'bench');
  await markAdopted(ledger, CLUSTER, 'bench');
  const wide = { name: 'wide', first: mac('a4:58:0f:40:00:00'), last: mac('a4:58:0f:bf:ff:ff'), description: '' };
  await definePool(ledger, { ...wide, autoReleaseSeconds: 86_400, reuseDelaySeconds: 3_600 }, 'bench');
  // Nothing is bound while no operator runs.
  await ledger.pool.query('update rock_mac.ledger_state set pending_cap = 1000000');
  await Promise.all(installation.operators.map((operator) => operator.stop()));
  const client = createKubeClient({
    userAgent: 'bench',
    kubeconfig: ground.controlPlane.kubeconfig,
    logger: pino({ enabled: false }),
    maxConnections: 80,
  });
  const stopNoop = await startNoop(ground);
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
  await ground.close();
}
