import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { ANNOTATIONS, SYSTEM_NAMESPACE } from '../../api/names.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { readClusterId } from '../../kube/client/cluster-id.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { findByMacs, listAddresses } from '../../ledger/address/find.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { listStock, type StockInPool } from '../../ledger/stock/stock.ts';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import { listLiveWorkloads } from '../../operator/live/list-live.ts';
import { workloadKinds } from '../../operator/live/workload-kinds.ts';
import { findGoneHolders, reclaimStock } from '../../operator/resync/reclaim-stock.ts';
import { createGoneHolders } from '../../operator/stock/gone-holders.ts';
import { compareHolders } from '../clusters/compare-holders.ts';
import { createOverlapDetector, describeOverlaps } from '../clusters/overlap-detector.ts';
import { NETWORKS, pods, type StoredPod } from '../clusters/stored-kinds.ts';
import { type LiveWatch, watchLive } from '../clusters/watch-live.ts';
import { randomFrom } from '../doubles/seeded-random.ts';
import { deleteWebhookPod, type Program } from '../env/installation.ts';
import { eventually } from '../env/run/eventually.ts';
import { aPod, auditOf, installedEnvOfThisFile, whileLedgerIsAhead } from '../integration/installed-env.ts';
import { auditAndTable, replay } from '../integration/ledger-audit-replay.ts';
import { startStockLoad, type StockLoad } from './stock-load.ts';

/*
 * Two webhooks with a stock and two operators, under a load that never stops. Between every two steps in the life of a stock a
 * process is killed or frozen, or the ledger, etcd or the API server stops. At no moment two live pods have one address, no pod
 * gets an address that another had before, and in the end everything in use is held by its very pod, and nothing by nobody.
 *
 * Another ROCK_MAC_STOCK_SEED is another load.
 */
const SEED = Number(process.env['ROCK_MAC_STOCK_SEED'] ?? 1);

const CLUSTER = 'cluster';
/** So large that what dead webhooks have in stock does not use up the share of their cluster. */
const POOL = {
  apiVersion: 'mac.rock-os.io/v1alpha1',
  kind: 'MacPool',
  metadata: { name: 'wide' },
  spec: { first: 'a4:58:0f:40:00:00', last: 'a4:58:0f:43:ff:ff', reuseDelay: '1h' },
};
const NAMESPACES = ['team', 'crowd'];
const REFUSING = 'full';
/** The namespace of the pods that a scene creates itself. */
const SCENE = 'team';
/** Longer than the lease of an address whose pod was never stored. */
const LEASE = '3 minutes';
/** Later than the last answers are reported: their leases begin then. */
const REPORTED_MS = 5_000;
/** For how long a holder must be gone. */
const GONE_MS = 300_000;

/** More than the load sends at once. */
const AT_ONCE = 8;
/** The stock of a webhook with which a scene may begin. */
const ENOUGH = 24;

const patience = { within: 30_000, every: 100 };
const installed = installedEnvOfThisFile({
  stock: true,
  webhooks: 2,
  operators: 2,
  env: { ROCK_MAC_RESYNC_SECONDS: '3', ROCK_MAC_STOCK_COVER_SECONDS: '60' },
});
const detector = createOverlapDetector();
const ended = new Set<Program>();
let client: KubeClient;
let clusterId: string;
let watch: LiveWatch;
let load: StockLoad;

beforeAll(async () => {
  const { plane } = installed();
  const logger = pino({ enabled: false });
  client = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig, logger });
  clusterId = await readClusterId(client);
  await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(POOL) });
  for (const namespace of [...NAMESPACES, REFUSING]) {
    await plane.kubectl(['create', 'namespace', namespace]);
    await plane.kubectl(['annotate', 'namespace', namespace, `${ANNOTATIONS.pool}=${POOL.metadata.name}`]);
    await eventually(() => plane.kubectl(['get', 'serviceaccount', 'default', '-n', namespace]), patience);
  }
  await plane.kubectl(['create', 'quota', 'none', '-n', REFUSING, '--hard=pods=0']);
  watch = watchLive({ cluster: CLUSTER, client, detector });
  const random = randomFrom(`${String(SEED)}/stock`);
  load = startStockLoad({ client, random, namespaces: NAMESPACES, refusing: REFUSING });
});

afterAll(async () => {
  await load.stop();
  await watch.stop();
  await client.close();
});

let began = 0;
beforeEach(async () => {
  began = performance.now();
  await untilAllServe();
});

// Also in a scene that failed for another reason: this says whether the failure is a duplicate.
afterEach(async ({ task }) => {
  load.resume();
  thaw([...webhooks(), ...operators()]);
  await installed().ledgerProxy.heal();
  print(`${task.name}: ${String(Math.round((performance.now() - began) / 1_000))} s`);
  expect(describeOverlaps(detector.overlaps), `seed ${String(SEED)}`).toEqual([]);
  expect(load.counts().repeated, `seed ${String(SEED)}`).toEqual([]);
});

function print(line: string): void {
  console.info(`stock (seed ${String(SEED)}): ${line}`);
}

const running = (programs: readonly Program[]) => programs.filter((program) => !ended.has(program));
const webhooks = () => running(installed().installation.webhooks);
const operators = () => running(installed().installation.operators);

async function kill(...programs: readonly Program[]): Promise<void> {
  for (const program of programs) ended.add(program);
  await Promise.all(programs.map((program) => program.kill()));
  // As kube-proxy does for a pod that is not ready: otherwise the next endpoint would get all its connections.
  for (const { port } of programs) installed().installation.webhookService.remove({ host: '127.0.0.1', port });
}

function freeze(programs: readonly Program[]): void {
  for (const program of programs) program.signal('SIGSTOP');
}

function thaw(programs: readonly Program[]): void {
  for (const program of programs) if (!ended.has(program)) program.signal('SIGCONT');
}

/** Starts webhooks and operators in the place of those that were killed, and waits until all have a stock and serve the load. */
async function untilAllServe(): Promise<void> {
  const { installation } = installed();
  while (operators().length < 2) await installation.startOperator();
  while (webhooks().length < 2) await installation.startWebhook();
  await untilStocked(webhooks());
}

async function untilStocked(programs: readonly Program[]): Promise<void> {
  await untilAsked('enough stock', async () => {
    const sizes = await Promise.all(programs.map((program) => program.metric('rockmac_stock_addresses')));
    return sizes.every((size) => size > ENOUGH);
  });
}

/** Sends many requests at once, which all fail: the API server opens more connections for them, so every webhook gets some. */
async function askEveryWebhook(): Promise<void> {
  const manifest = podNamed('asks');
  const once = { namespace: REFUSING, attempts: 1 };
  await Promise.allSettled(Array.from({ length: AT_ONCE }, () => client.create(pods, manifest, once)));
}

/** Waits until every webhook has been asked often enough. Few requests, because a webhook makes provision for as many. */
async function untilAsked(what: string, holds: () => Promise<boolean>): Promise<void> {
  await eventually(
    async () => {
      if (await holds()) return;
      await askEveryWebhook();
      throw new Error(`not yet: ${what}`);
    },
    { ...patience, every: 1_000 },
  );
}

/** Kills a webhook. It is started again as the next process of its pod, or its pod is deleted. */
async function replace(webhook: Program, by: 'next process' | 'new pod'): Promise<Program> {
  const { installation, plane } = installed();
  if (!ended.has(webhook)) await kill(webhook);
  const { pod } = webhook;
  if (pod === undefined) throw new Error(`${webhook.name} has no pod`);
  if (by === 'next process') return await installation.startWebhook({}, pod);
  await deleteWebhookPod(plane, pod);
  return await installation.startWebhook();
}

/** Creates pods of a scene at once. All of them are answered from stock. */
async function createPods(prefix: string, count = 4): Promise<StoredPod[]> {
  return await Promise.all(Array.from({ length: count }, (_, index) => createPod(`${prefix}-${String(index)}`)));
}

async function createPod(name: string): Promise<StoredPod> {
  const pod = await client.create(pods, podNamed(name), { namespace: SCENE, attempts: 1 });
  expect(pod.metadata.annotations?.[ANNOTATIONS.stockToken], `${name} was not answered from stock`).toBeDefined();
  return pod;
}

function podNamed(name: string): NewObject {
  return JSON.parse(aPod(name, { networks: 'blue' })) as NewObject;
}

function macOf({ metadata: { name, annotations } }: StoredPod): MacAddress {
  const [, text] = /"mac":"([0-9a-f:]{17})"/.exec(annotations?.[NETWORKS] ?? '') ?? [];
  if (text === undefined) throw new Error(`${name} has no address`);
  return mac(text);
}

async function untilBound(created: readonly StoredPod[]): Promise<void> {
  await eventually(async () => {
    const rows = new Map((await findByMacs(installed().ledger, created.map(macOf))).map((row) => [row.mac, row]));
    for (const pod of created) {
      expect(rows.get(macOf(pod))).toMatchObject({ state: 'active', owner: { uid: pod.metadata.uid } });
    }
  }, patience);
}

async function statesOf(created: readonly StoredPod[]): Promise<string[]> {
  const rows = await findByMacs(installed().ledger, created.map(macOf));
  return [...new Set(rows.map(({ state }) => state))];
}

async function actionsOf(pod: StoredPod): Promise<string[]> {
  return (await auditOf(installed().ledger, macOf(pod))).map(({ action }) => action);
}

async function stockOf(webhook: Program): Promise<StockInPool | undefined> {
  const stocks = await listStock(installed().ledger, clusterId);
  return stocks.filter(({ holder }) => holder.podUid === webhook.pod?.uid).sort((a, b) => b.sequence - a.sequence)[0];
}

async function untilFilled(webhook: Program): Promise<void> {
  await untilAsked('a fill', async () => ((await stockOf(webhook))?.count ?? 0) > 0);
}

async function waitUntil(what: string, holds: () => Promise<boolean>): Promise<void> {
  await eventually(
    async () => {
      if (!(await holds())) throw new Error(`not yet: ${what}`);
    },
    { ...patience, every: 20 },
  );
}

async function isWaitingForLock(): Promise<boolean> {
  const text = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  return (await installed().ledger.query({ text, values: [], row: z.object({ pid: z.int() }) })).length > 0;
}

/** Locks rows of addresses while `run` runs. */
async function whileLocked(where: string, value: unknown, run: () => Promise<void>): Promise<void> {
  const blocker = await installed().ledger.connections.connect();
  try {
    await blocker.query('begin');
    await blocker.query(`select 1 from rock_mac.addresses where ${where} for update`, [value]);
    await run();
  } finally {
    await blocker.query('rollback');
    blocker.release();
  }
}

async function answersFromStock(): Promise<number> {
  const counts = await Promise.all(webhooks().map((webhook) => webhook.metric('rockmac_stock_answers_total')));
  return counts.reduce((sum, count) => sum + count, 0);
}

function signalEtcd(signal: NodeJS.Signals): void {
  const { pid } = installed().plane.etcd;
  if (pid === undefined) throw new Error('etcd is down');
  process.kill(pid, signal);
}

/** Creates pods that are answered, and not stored before etcd runs again. Runs `between` then. */
async function whileNothingIsStored(
  prefix: string,
  between: () => Promise<void>,
): Promise<readonly PromiseSettledResult<StoredPod>[]> {
  await load.pause();
  const before = await answersFromStock();
  signalEtcd('SIGSTOP');
  let creating: Promise<readonly PromiseSettledResult<StoredPod>[]>;
  try {
    creating = Promise.allSettled(Array.from({ length: 4 }, (_, index) => createPod(`${prefix}-${String(index)}`)));
    await waitUntil('the answers', async () => (await answersFromStock()) === before + 4);
    await between();
  } finally {
    signalEtcd('SIGCONT');
    load.resume();
  }
  return await creating;
}

test('a webhook killed after a fill was committed, before its response', async () => {
  const { ledgerProxy } = installed();
  const [first] = webhooks();
  if (first === undefined) throw new Error('no webhook runs');
  const webhook = await replace(first, 'next process');
  ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.fill_stock') });
  await untilFilled(webhook);
  expect(await webhook.metric('rockmac_stock_addresses')).toBe(0);
  await kill(webhook);
  await ledgerProxy.heal();
  await replace(webhook, 'new pod');
});

test('a webhook that does not hear of its fills returns them, and has a stock afterwards', async () => {
  const { ledgerProxy } = installed();
  const [first] = webhooks();
  if (first === undefined) throw new Error('no webhook runs');
  const webhook = await replace(first, 'next process');
  ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.fill_stock') });
  await untilFilled(webhook);
  await ledgerProxy.heal();
  await untilStocked([webhook]);
});

test('webhooks frozen after a check, and killed after another', async () => {
  const all = webhooks();
  const seen = async () => await Promise.all(all.map(async (webhook) => (await stockOf(webhook))?.seenAt.getTime()));
  const untilChecked = async () => {
    const before = await seen();
    await waitUntil('a check', async () => (await seen()).some((at, index) => at !== before[index]));
  };
  await untilChecked();
  freeze(all);
  await sleep(6_000);
  thaw(all);
  await untilChecked();
  for (const webhook of all) await replace(webhook, 'next process');
});

test('webhooks killed after their answers, before the pods were stored', async () => {
  const all = webhooks();
  const results = await whileNothingIsStored('unstored', () => kill(...all));
  const created = results.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  expect(created).toHaveLength(4);
  for (const webhook of all) await replace(webhook, 'new pod');
  await untilBound(created);
});

test('the API server killed after the answers, before the pods were stored', async () => {
  const { apiServer } = installed().plane;
  await whileNothingIsStored('never-stored', () => apiServer.kill());
  await apiServer.start();
});

test('everything killed after the pods were stored, before their mirrors', async () => {
  const [all, leaders] = [webhooks(), operators()];
  freeze(leaders);
  const created = await createPods('stored');
  await kill(...all, ...leaders);
  expect(await statesOf(created)).toEqual(['stocked']);
  for (const webhook of all) await replace(webhook, 'next process');
  await untilAllServe();
  await untilBound(created);
});

test('operators killed after the mirror of a pod was stored, before the ledger bound its address', async () => {
  const leaders = operators();
  freeze(leaders);
  const [pod] = await createPods('mirrored', 1);
  if (pod === undefined) throw new Error('no pod was created');
  await whileLocked(`addr = rock_mac.to_addr($1)`, macOf(pod), async () => {
    thaw(leaders);
    await waitUntil('the mirror', async () => {
      const { items } = await client.list(macAllocations, { namespace: SCENE });
      return items.some(({ spec }) => spec.mac === macOf(pod));
    });
    await kill(...leaders);
    await waitUntil('no statement waits', async () => !(await isWaitingForLock()));
  });
  await untilAllServe();
  await untilBound([pod]);
});

test('webhooks killed, or frozen for a while, after the bind and before their reports', async () => {
  const [first, second] = webhooks();
  if (first === undefined || second === undefined) throw new Error('two webhooks should run');
  const created = await createPods('bound', 8);
  freeze([first, second]);
  await untilBound(created);
  await kill(first);
  thaw([second]);
  await replace(first, 'next process');
  await sleep(3_000); // the other has reported its answers
  await untilBound(created);
  for (const pod of created) expect(await actionsOf(pod)).toEqual(['stock', 'allocate']);
});

test('webhooks killed after their reports were committed, before the response', async () => {
  const { ledgerProxy } = installed();
  const [all, leaders] = [webhooks(), operators()];
  freeze(leaders);
  const created = await createPods('reported');
  ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.assign_stock') });
  await waitUntil('the reports', async () => String(await statesOf(created)) === 'pending');
  await kill(...all);
  await ledgerProxy.heal();
  thaw(leaders);
  for (const webhook of all) await replace(webhook, 'next process');
  await untilBound(created);
  for (const pod of created) expect(await actionsOf(pod)).toEqual(['stock', 'allocate', 'bind']);
});

test('a webhook killed while it returns its stock at its end, before the ledger has it and before it hears of that', async () => {
  const { ledgerProxy } = installed();
  const [first, second] = webhooks();
  if (first === undefined || second === undefined) throw new Error('two webhooks should run');
  const holder = (await stockOf(first))?.holder.id;
  await whileLocked('owner_uid = $1', holder, async () => {
    first.signal('SIGTERM');
    await waitUntil('the return waits', isWaitingForLock);
    await kill(first);
    await waitUntil('no statement waits', async () => !(await isWaitingForLock()));
  });
  expect((await stockOf(first))?.count).toBeGreaterThan(ENOUGH);
  await replace(first, 'new pod');

  ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.return_stock') });
  second.signal('SIGTERM');
  await waitUntil('the return', async () => (await stockOf(second))?.count === 0);
  await kill(second);
  await ledgerProxy.heal();
  await replace(second, 'new pod');
});

test('the ledger cut off, frozen and without responses, and the API server frozen', async () => {
  const { ledgerProxy, plane } = installed();
  await ledgerProxy.cut();
  const created = await createPods('away', 8);
  await sleep(4_000);
  await ledgerProxy.heal();
  ledgerProxy.freeze();
  await sleep(4_000);
  await ledgerProxy.heal();
  ledgerProxy.dropAnswers();
  await sleep(4_000);
  await ledgerProxy.heal();
  const { pid } = plane.apiServer;
  if (pid === undefined) throw new Error('the API server is down');
  process.kill(pid, 'SIGSTOP');
  await sleep(4_000);
  process.kill(pid, 'SIGCONT');
  await untilBound(created);
});

test('in the end every pod has its addresses, nothing is held by nobody, and no program has ended by itself', async () => {
  const { ledger } = installed();
  await load.stop();
  const counts = load.counts();
  print(JSON.stringify({ ...counts, failures: summary(counts.failures) }));
  expect(counts.fromStock).toBeGreaterThan(100);
  // Whatever was away, a webhook refused nothing: pods waited with a gate.
  expect(counts.failures.filter((failure) => failure.includes('denied the request'))).toEqual([]);
  await eventually(() => watch.requireCurrent(), patience);
  await sleep(REPORTED_MS);

  await whileLedgerIsAhead(ledger, LEASE, async () => {
    await eventually(
      async () => {
        const states = ['pending', 'active', 'reserved', 'orphaned'] as const;
        const rows = await listAddresses(ledger, { states, limit: 10_000 });
        expect(compareHolders(detector.live(), rows, new Map([[CLUSTER, clusterId]]))).toEqual([]);
      },
      { ...patience, every: 500 },
    );
  });
  for (const { namespace, name, macs } of detector.live()) {
    if (NAMESPACES.includes(namespace)) expect(macs.length, name).toBeGreaterThan(0);
  }

  await returnStockOfGoneWebhooks();
  await eventually(async () => {
    const stocks = (await listStock(ledger, clusterId)).filter(({ count }) => count > 0);
    const wanted = await Promise.all(
      webhooks().map(async (webhook) => [webhook.pod?.uid, await webhook.metric('rockmac_stock_addresses')]),
    );
    const byPod = (rows: readonly unknown[][]) => rows.map(String).sort();
    expect(byPod(stocks.map(({ holder, count }) => [holder.podUid, count]))).toEqual(byPod(wanted));
  }, patience);

  for (const { name, healthPort } of [...webhooks(), ...operators()]) {
    expect((await fetch(`http://127.0.0.1:${String(healthPort)}/healthz`)).ok, name).toBe(true);
  }
  const { entries, table } = await auditAndTable(ledger);
  expect(replay(entries)).toEqual(table.filter(({ generation }) => generation > 0));
  // This test has replaced the clock and its check.
  expect((await checkLedger(ledger)).filter(({ rule }) => rule !== 'guards-in-place')).toEqual([]);
});

/** Does what the operator does once a webhook has been gone for five minutes. */
async function returnStockOfGoneWebhooks(): Promise<void> {
  const { ledger } = installed();
  let now = 0;
  const goneHolders = createGoneHolders(() => now);
  const logger = pino({ enabled: false });
  const deps = { ledger, client, clusterId, systemNamespace: SYSTEM_NAMESPACE, actor: 'test', logger, goneHolders };
  expect((await findGoneHolders(deps)).length).toBeGreaterThan(5);
  now = GONE_MS;
  const kinds = workloadKinds();
  const objects = await listLiveWorkloads({ kinds, client });
  await reclaimStock(await findGoneHolders(deps), { objects, listedAt: now }, deps);
}

/** Counts equal failures, without their names and numbers. */
function summary(failures: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const failure of failures) {
    const kind = failure
      .replaceAll(/"[^"]*"/g, '…')
      .replaceAll(/\b[\w.-]*\d[\w.:/-]*/g, '…')
      .slice(0, 140);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
