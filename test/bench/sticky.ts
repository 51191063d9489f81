/*
 * Measures how long it takes until everything is settled after all pods of many StatefulSets were deleted at once: with sticky
 * addresses and without, in alternating rounds of one run. `--quick` has a tenth of the pods and writes no report.
 */
import { pino } from 'pino';
import { table } from '../../hack/markdown.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install } from '../env/installation.ts';
import { eventually } from '../env/run/eventually.ts';
import { openStatefulSets, type StatefulSets } from '../faults/stateful-sets.ts';
import { median } from './measure.ts';
import { atMost, goalTable, keep, machine, milliseconds, perSecond, times } from './report.ts';
import { type Usage, usageOf } from './usage.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 2 : 3;
const SETS = quick ? 10 : 100;
const REPLICAS = 10;
const PODS = SETS * REPLICAS;

/** How the pods of a namespace get their addresses. */
const WAYS = {
  plain: { title: 'not sticky', annotations: {} },
  sticky: { title: 'sticky', annotations: { 'mac.rock-os.io/sticky': 'true' } },
} as const;
type Way = keyof typeof WAYS;

/** One deletion of all pods, until all of them are there again and nothing is left to do. */
interface Round extends Usage {
  readonly recreatedSeconds: number;
  readonly settledSeconds: number;
}

interface Bench {
  readonly testEnv: TestEnv;
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
}

async function openWay(way: Way, { testEnv, client, ledger }: Bench): Promise<StatefulSets> {
  await testEnv.controlPlane.kubectl(['create', 'namespace', way]);
  const { annotations } = WAYS[way];
  const sets = await openStatefulSets({ client, ledger, namespace: way, sets: SETS, replicas: REPLICAS, annotations });
  await eventually(() => sets.create(), { within: 20_000 });
  await untilSettled(sets);
  return sets;
}

async function untilSettled(sets: StatefulSets, gone?: ReadonlySet<string>): Promise<void> {
  await eventually(
    async () => {
      const reason = await sets.unsettled(gone);
      if (reason !== undefined) throw new Error(reason);
    },
    { within: 600_000, every: 50 },
  );
}

async function untilRecreated(sets: StatefulSets, gone: ReadonlySet<string>): Promise<void> {
  await eventually(
    () => {
      const again = [...sets.uids()].filter((uid) => !gone.has(uid)).length;
      if (again !== PODS) throw new Error(`${String(again)} pods are there again`);
    },
    { within: 600_000, every: 50 },
  );
}

async function deleteAll(sets: StatefulSets, { testEnv }: Bench): Promise<Round> {
  const gone = sets.uids();
  let [recreatedSeconds, settledSeconds] = [Number.NaN, Number.NaN];
  const usage = await usageOf(PODS, testEnv.controlPlane.kubectl, async () => {
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1_000;
    await sets.deletePods();
    await untilRecreated(sets, gone);
    recreatedSeconds = seconds();
    await untilSettled(sets, gone);
    settledSeconds = seconds();
  });
  return { ...usage, recreatedSeconds, settledSeconds };
}

async function measureAll(bench: Bench): Promise<Record<Way, Round[]>> {
  const all = { plain: await openWay('plain', bench), sticky: await openWay('sticky', bench) };
  const first = all.sticky.addresses();
  for (const sets of Object.values(all)) await deleteAll(sets, bench); // fills caches, compiles code
  const rounds: Record<Way, Round[]> = { plain: [], sticky: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of round % 2 === 0 ? (['plain', 'sticky'] as const) : (['sticky', 'plain'] as const)) {
      const measured = await deleteAll(all[way], bench);
      console.error(`${WAYS[way].title}: settled after ${measured.settledSeconds.toFixed(1)} s`);
      rounds[way].push(measured);
    }
  }
  const last = all.sticky.addresses();
  const moved = [...first].filter(([name, mac]) => last.get(name) !== mac);
  if (moved.length > 0) throw new Error(`${String(moved.length)} names have other addresses than at first`);
  for (const sets of Object.values(all)) await sets.close();
  return rounds;
}

function report(rounds: Record<Way, Round[]>): string {
  const of = (way: Way, pick: (round: Round) => number) => median(rounds[way].map(pick));
  const settled = (round: Round) => round.settledSeconds;
  const sum = (values: ReadonlyMap<string, number>) => [...values.values()].reduce((all, each) => all + each, 0);
  const rows = (Object.keys(WAYS) as Way[]).map((way) => [
    WAYS[way].title,
    `${of(way, (round) => round.recreatedSeconds).toFixed(1)} s`,
    `${of(way, settled).toFixed(1)} s`,
    times(of(way, settled) / of('plain', settled)),
    milliseconds(of(way, (round) => sum(round.cpu))),
    milliseconds(of(way, (round) => sum(round.requests))),
  ]);
  const head = [
    `${perSecond(PODS)} pods of ${perSecond(SETS)} sets`,
    'there again after',
    'settled after',
    'to not sticky',
    'CPU ms a pod',
    'API requests a pod',
  ];
  const goal = atMost(
    'settled with sticky addresses ≤ 1.5 × without',
    of('sticky', settled) / of('plain', settled),
    1.5,
  );
  return `${table(head, rows)}\n\n### Goals of sticky addresses\n\n${goalTable([goal])}`;
}

const started = machine();
const testEnv = await startTestEnv();
try {
  const url = await testEnv.postgres.createDatabase('rock_mac');
  const installation = await install({ testEnv, ledgerUrl: url, webhooks: 2, stock: true });
  await installation.ready();
  const limits = { connectTimeoutMs: 5_000, statementTimeoutMs: 60_000 };
  const ledger = openLedger({ url, applicationName: 'bench', max: 2, ...limits });
  const client = createKubeClient({
    userAgent: 'bench',
    kubeconfig: testEnv.controlPlane.kubeconfig,
    logger: pino({ enabled: false }),
    maxConnections: 80,
  });
  const day = new Date().toISOString().slice(0, 10);
  const text = [
    `Measured ${day}, ${started}; Kubernetes 1.37, PostgreSQL 18, Node ${process.versions.node}, fsync on.`,
    report(await measureAll({ testEnv, client, ledger })),
  ].join('\n\n');
  console.log(text);
  if (!quick) await keep(new URL('../../docs/benchmarks.md', import.meta.url), text, 'bench-sticky');
  await client.close();
  await ledger.close();
  await installation.close();
} finally {
  await testEnv.close();
}
