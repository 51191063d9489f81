/*
 * Measures the start of the operator in a large cluster: its memory, and its time until ready. The time is compared with the
 * bare paged list of the same objects by the same client. Then as many running pods follow that have addresses of another prefix,
 * which are only observed. `--quick` uses a tenth of the objects and stores no results.
 */
import { pino } from 'pino';
import { z } from 'zod';
import { table } from '../../hack/markdown.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { macAllocations, macPools } from '../../kube/client/mac-resources.ts';
import { type KubeObject, objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { queryOne } from '../../ledger/connection/statement.ts';
import { mac, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import { workloadKinds } from '../../operator/live/workload-kinds.ts';
import { startTestEnv } from '../env/env.ts';
import { install, type Installation, type Program } from '../env/installation.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { annotatedPods } from '../integration/pod-kind.ts';
import { median } from './measure.ts';
import { type Goal, goalTable, keep, machine, perSecond } from './report.ts';

const quick = process.argv.includes('--quick');
const OBJECTS = quick ? 1_000 : 10_000;
const ROUNDS = quick ? 2 : 3;
const AT_ONCE = 32;
const MIB = 2 ** 20;
const FIRST = macToNumber(mac('a4:58:0f:05:00:00'));
const FIRST_OBSERVED = macToNumber(mac('02:00:00:00:00:00'));
/** Each has fewer of them than the limit of a namespace. */
const NAMESPACES = ['observed-1', 'observed-2', 'observed-3', 'observed-4'] as const;
const OBSERVED = 2 * OBJECTS;

/** Every kind that the operator caches. */
const KINDS: readonly Resource<KubeObject>[] = [
  ...workloadKinds().map(({ resource }) => resource),
  macAllocations,
  macPools,
];

function addressOf(index: number): string {
  return numberToMac(FIRST + index);
}

function aPod(index: number): NewObject {
  const networks = JSON.stringify([{ name: 'blue', mac: addressOf(index) }]);
  return {
    metadata: { name: `pod-${String(index)}`, annotations: { 'k8s.v1.cni.cncf.io/networks': networks } },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
  };
}

function aMachine(index: number): NewObject {
  const interfaces = [{ name: 'blue', bridge: {}, macAddress: addressOf(OBJECTS + index) }];
  const networks = [{ name: 'blue', multus: { networkName: 'blue' } }];
  return {
    metadata: { name: `vm-${String(index)}` },
    spec: { runStrategy: 'Halted', template: { spec: { domain: { devices: { interfaces } }, networks } } },
  };
}

const machines: Resource<KubeObject> = {
  ...{ group: 'kubevirt.io', version: 'v1', plural: 'virtualmachines', kind: 'VirtualMachine', namespaced: true },
  schema: z.object({ metadata: objectMeta }),
};

async function populate(client: KubeClient): Promise<void> {
  await onAllWorkers(OBJECTS, async (index) => {
    await client.create(annotatedPods, aPod(index), { namespace: 'default' });
    await client.create(machines, aMachine(index), { namespace: 'default' });
  });
}

/** Creates running pods whose author asked for addresses of another prefix, as Multus reports them. */
async function populateObserved(client: KubeClient): Promise<void> {
  await onAllWorkers(OBSERVED, async (index) => {
    const address = numberToMac(FIRST_OBSERVED + index);
    const name = `observed-${String(index)}`;
    const namespace = NAMESPACES[index % NAMESPACES.length] ?? '';
    const annotations = {
      'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'blue', mac: address }]),
      'k8s.v1.cni.cncf.io/network-status': JSON.stringify([
        { name: `${namespace}/blue`, interface: 'net1', mac: address },
      ]),
    };
    const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
    await client.create(annotatedPods, { metadata: { name, annotations }, spec }, { namespace });
    const running = { type: 'merge' as const, body: { status: { phase: 'Running' } } };
    await client.patch(annotatedPods, { namespace, name }, running, { subresource: 'status' });
  });
}

async function onAllWorkers(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Reads and parses all pages of every kind, one after the other. Returns the duration and the number of objects. */
async function bareList(client: KubeClient): Promise<{ readonly ms: number; readonly objects: number }> {
  const started = performance.now();
  let objects = 0;
  for (const kind of KINDS) {
    let next = '';
    do {
      const [group, version] = [kind.group === '' ? 'api' : `apis/${kind.group}`, kind.version];
      const page = `/${group}/${version}/${kind.plural}?limit=500${next === '' ? '' : `&continue=${next}`}`;
      const list = (await client.raw('GET', page)) as { items: unknown[]; metadata: { continue?: string } };
      objects += list.items.length;
      next = encodeURIComponent(list.metadata.continue ?? '');
    } while (next !== '');
  }
  return { ms: performance.now() - started, objects };
}

async function waitUntilCached(operator: Program, objects: number, within: number): Promise<void> {
  await eventually(
    async () => {
      const cached = await operator.metric('rockmac_reflector_objects');
      if (cached < objects) throw new Error(`the operator has cached ${String(cached)} of ${String(objects)} objects`);
    },
    { within, every: 50 },
  );
}

const memoryOf = async (operator: Program) => (await operator.metric('process_resident_memory_bytes')) / MIB;

/** Waits until the ledger has an observation of each address. Returns the peak memory of the operator until then. */
async function untilObserved(operator: Program, ledger: LedgerClient): Promise<number> {
  let peak = 0;
  await eventually(
    async () => {
      peak = Math.max(peak, await memoryOf(operator));
      const { count } = await queryOne(ledger, {
        text: 'select count(*)::int as count from rock_mac.observations',
        values: [],
        row: z.object({ count: z.int() }),
      });
      if (count < OBSERVED) throw new Error(`the ledger has ${String(count)} observations`);
    },
    { within: 900_000, every: 250 },
  );
  return peak;
}

/** Waits until a resync has ended. Returns its duration in seconds. */
async function firstResyncOf(operator: Program): Promise<number> {
  await eventually(
    async () => {
      if ((await operator.metric('rockmac_resync_duration_seconds_count')) < 1) throw new Error('no resync has ended');
    },
    { within: 300_000, every: 100 },
  );
  const [sum, count] = [
    await operator.metric('rockmac_resync_duration_seconds_sum'),
    await operator.metric('rockmac_resync_duration_seconds_count'),
  ];
  return sum / count;
}

interface Round {
  readonly ready: number;
  readonly bare: number;
  readonly memory: number;
  readonly peak: number;
  readonly ratio: number;
  /** In seconds. */
  readonly resync: number;
}

/** Starts the operator several times in a cluster with so many objects, next to the bare list of them. */
async function startSeveralTimes(installation: Installation, client: KubeClient, everything: number): Promise<Round> {
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const bare = await bareList(client);
    if (bare.objects < everything) throw new Error(`the list has ${String(bare.objects)} objects`);
    const before = performance.now();
    const operator = await installation.startOperator();
    await waitUntilCached(operator, everything, 120_000);
    const ready = performance.now() - before;
    const peak = await peakOf(operator, quick ? 3 : 8);
    const resync = await firstResyncOf(operator);
    rounds.push({ ready, bare: bare.ms, ratio: ready / bare.ms, memory: await memoryOf(operator), peak, resync });
    await operator.stop();
  }
  const of = (pick: (round: Round) => number) => median(rounds.map(pick));
  return {
    ready: of((each) => each.ready),
    bare: of((each) => each.bare),
    ratio: of((each) => each.ratio),
    memory: of((each) => each.memory),
    peak: of((each) => each.peak),
    resync: of((each) => each.resync),
  };
}

/** Returns the peak memory in MiB in the seconds after the start, while the operator reconciles all objects. */
async function peakOf(operator: Program, seconds: number): Promise<number> {
  let peak = 0;
  for (let sample = 0; sample < seconds * 4; sample++) {
    peak = Math.max(peak, await memoryOf(operator));
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return peak;
}

const started = machine();
const testEnv = await startTestEnv();
try {
  const url = await testEnv.postgres.createDatabase('rock_mac');
  await installForeignCrds(testEnv.controlPlane.kubectl, ['virtual-machines', 'virtual-machine-instances']);
  const client = createKubeClient({
    userAgent: 'bench',
    kubeconfig: testEnv.controlPlane.kubeconfig,
    logger: pino({ enabled: false }),
    maxConnections: AT_ONCE + 8,
  });
  const installation = await install({
    ...{ testEnv, ledgerUrl: url, operators: 0, webhooks: 0, programs: 'build' as const },
    // Node's default heap limit in a container with 512 MiB.
    nodeArgs: ['--max-old-space-size=256'],
  });
  await populate(client);

  // The initial sync: everything is adopted and gets its mirror.
  const firstStart = performance.now();
  const first = await installation.startOperator();
  const mayAllocate = (performance.now() - firstStart) / 1_000;
  const everything = 4 * OBJECTS + 7;
  await waitUntilCached(first, everything, 900_000);
  const settled = (performance.now() - firstStart) / 1_000;
  const afterSync = await memoryOf(first);
  await first.stop();

  const usual = await startSeveralTimes(installation, client, everything);

  for (const namespace of NAMESPACES) {
    await testEnv.controlPlane.kubectl(['create', 'namespace', namespace]);
    await testEnv.controlPlane.kubectl(['label', 'namespace', namespace, 'mac.rock-os.io/inject=enabled']);
  }
  await populateObserved(client);
  const ledger = openLedger({
    url,
    applicationName: 'bench',
    max: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 30_000,
  });
  const observingStart = performance.now();
  const observer = await installation.startOperator();
  const peakObserving = await untilObserved(observer, ledger);
  const allObserved = (performance.now() - observingStart) / 1_000;
  await observer.stop();
  await ledger.close();
  const observed = await startSeveralTimes(installation, client, everything + OBSERVED);

  const goals: readonly Goal[] = [
    { goal: 'ready ≤ 3 × the bare paged list', measured: usual.ratio, reached: usual.ratio <= 3 },
    { goal: 'memory at its most, to 200 MiB: ≤ 1', measured: usual.peak / 200, reached: usual.peak <= 200 },
    {
      goal: 'ready with the observed ones ≤ 3 × the bare paged list',
      measured: observed.ratio,
      reached: observed.ratio <= 3,
    },
    ...[Math.max(observed.peak, peakObserving)].map((peak) => {
      return { goal: 'memory at its most with them, to 256 MiB: ≤ 1', measured: peak / 256, reached: peak <= 256 };
    }),
    {
      goal: 'a resync with them, to a tenth of its interval: ≤ 1',
      measured: observed.resync / 30,
      reached: observed.resync <= 30,
    },
  ];
  const seconds = (value: number) => `${value.toFixed(2)} s`;
  const mib = (value: number) => `${value.toFixed(0)} MiB`;
  const both = (text: string, show: (round: Round) => string) => [text, show(usual), show(observed)];
  const rows = [
    ['objects read at a start', perSecond(everything), perSecond(everything + OBSERVED)],
    both('bare paged list of them', ({ bare }) => seconds(bare / 1_000)),
    both('start of the process until it knows all', ({ ready }) => seconds(ready / 1_000)),
    both('resync', ({ resync }) => seconds(resync)),
    both('memory a while after the start', ({ memory }) => mib(memory)),
    both('memory at its most', ({ peak }) => mib(peak)),
  ];
  const firstTimes = [
    [
      `initial sync: ${perSecond(2 * OBJECTS)} addresses adopted, the cluster may allocate`,
      `${mayAllocate.toFixed(0)} s`,
    ],
    ['all of them shown as MacAllocations', `${settled.toFixed(0)} s`],
    ['memory after that', mib(afterSync)],
    [
      `${perSecond(OBSERVED)} addresses of another prefix found, and all of them in the ledger`,
      `${allObserved.toFixed(0)} s`,
    ],
    ['memory at its most until then', mib(peakObserving)],
  ];
  const day = new Date().toISOString().slice(0, 10);
  const text = [
    `Measured ${day}, ${started}; ${perSecond(OBJECTS)} pods and ${perSecond(OBJECTS)} VMs with an address each, then ${perSecond(OBSERVED)} running pods with observed addresses; Kubernetes 1.37, PostgreSQL 18, Node ${process.versions.node}.`,
    table(['the operator', 'usual', 'with the observed ones'], rows),
    table(['for the first time', ''], firstTimes),
    `### Goals of the operator\n\n${goalTable(goals)}`,
  ].join('\n\n');
  console.log(text);
  if (!quick) await keep(new URL('../../docs/benchmarks.md', import.meta.url), text, 'bench-operator');
  await client.close();
  await installation.close();
} finally {
  await testEnv.close();
}
