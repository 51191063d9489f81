/*
 * Measures the start of the operator in a large cluster: its memory, and its time until ready. The time is compared with the
 * bare paged list of the same objects by the same client. `--quick` uses a tenth of the objects and stores no results.
 */
import { pino } from 'pino';
import { z } from 'zod';
import { table } from '../../hack/markdown.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { macAllocations, macPools } from '../../kube/client/mac-resources.ts';
import { type KubeObject, objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { mac, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import { workloadKinds } from '../../operator/live/workload-kinds.ts';
import { startTestEnv } from '../env/env.ts';
import { install, type Program } from '../env/installation.ts';
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
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < OBJECTS; index = next++) {
      await client.create(annotatedPods, aPod(index), { namespace: 'default' });
      await client.create(machines, aMachine(index), { namespace: 'default' });
    }
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

  const rounds: { readonly ready: number; readonly bare: number; readonly memory: number; readonly peak: number }[] =
    [];
  for (let round = 0; round < ROUNDS; round++) {
    const bare = await bareList(client);
    if (bare.objects < everything) throw new Error(`the list has ${String(bare.objects)} objects`);
    const before = performance.now();
    const operator = await installation.startOperator();
    await waitUntilCached(operator, everything, 120_000);
    const ready = performance.now() - before;
    const peak = await peakOf(operator, quick ? 3 : 8);
    rounds.push({ ready, bare: bare.ms, memory: await memoryOf(operator), peak });
    await operator.stop();
  }
  const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick));
  const [ready, bare, memory, peak] = [
    of((each) => each.ready),
    of((each) => each.bare),
    of((each) => each.memory),
    of((each) => each.peak),
  ];
  const ratio = of((each) => each.ready / each.bare);

  const goals: readonly Goal[] = [
    { goal: 'ready ≤ 3 × the bare paged list', measured: ratio, reached: ratio <= 3 },
    { goal: 'memory at its most, to 200 MiB: ≤ 1', measured: peak / 200, reached: peak <= 200 },
  ];
  const rows = [
    ['objects read at a start', perSecond(everything)],
    ['bare paged list of them', `${(bare / 1_000).toFixed(2)} s`],
    ['start of the process until it knows all', `${(ready / 1_000).toFixed(2)} s`],
    ['memory a while after the start', `${memory.toFixed(0)} MiB`],
    ['memory at its most', `${peak.toFixed(0)} MiB`],
    [
      `initial sync: ${perSecond(2 * OBJECTS)} addresses adopted, the cluster may allocate`,
      `${mayAllocate.toFixed(0)} s`,
    ],
    ['all of them shown as MacAllocations', `${settled.toFixed(0)} s`],
    ['memory after that', `${afterSync.toFixed(0)} MiB`],
  ];
  const day = new Date().toISOString().slice(0, 10);
  const text = [
    `Measured ${day}, ${started}; ${perSecond(OBJECTS)} pods and ${perSecond(OBJECTS)} VMs with an address each; Kubernetes 1.37, PostgreSQL 18, Node ${process.versions.node}.`,
    table(['the operator', ''], rows),
    `### Goals of the operator\n\n${goalTable(goals)}`,
  ].join('\n\n');
  console.log(text);
  if (!quick) await keep(new URL('../../docs/benchmarks.md', import.meta.url), text, 'bench-operator');
  await client.close();
  await installation.close();
} finally {
  await testEnv.close();
}
