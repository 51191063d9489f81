/*
 * Measures what rock-mac costs a pod, from its create until its deletion is settled: without a webhook, with one that only
 * patches, and with rock-mac, in alternating rounds of one run. `--quick` runs one short round and writes no report.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { release } from '../../ledger/address/release.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { mac } from '../../mac/mac-address.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import { eventually } from '../env/run/eventually.ts';
import { inARow } from './in-a-row.ts';
import { type Mirrors, watchMirrors } from './mirrors.ts';
import { livePods, type PodLife } from './pod-life.ts';
import {
  makeNamespaces,
  objectOf,
  PATCH_LABELS,
  POD_WAYS,
  podOf,
  type PodWay,
  type PodWayName,
  resourceOf,
  ROW_NAMESPACE,
} from './pod-ways.ts';
import { goalTable, keep, machine } from './report.ts';
import { type PatchingWebhook, startPatchingWebhook } from './start-patching-webhook.ts';
import { webhookReport } from './webhook-report.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 1 : 3;
/** How many addresses a round has, by the number of callers. */
const PODS: Readonly<Record<number, number>> = quick ? { 1: 32, 16: 128, 64: 192 } : { 1: 200, 16: 512, 64: 1_600 };
const IN_A_ROW = quick ? 480 : 4_000;
/** Fills the caches of a new process and compiles its code. */
const WARM_UP_PODS = quick ? 64 : 320;

/**
 * After this pause the limit of a namespace, for a webhook that does not know its callers, has room for every way: 1,600 pods of
 * the 2,048 that it lets pass at once, and 100 in each second.
 */
const LIMIT_REFILLS_MS = quick ? 0 : 9_000;

/** A webhook reports two seconds later for whom it took an address from stock. */
const REPORTED_AFTER_MS = 4_000;

const NAMES = Object.keys(POD_WAYS) as PodWayName[];

interface Bench {
  readonly testEnv: TestEnv;
  readonly installation: Installation;
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
  readonly patching: PatchingWebhook;
  readonly mirrors: Mirrors;
}

/** Lives one round of pods. */
async function live(way: PodWay, callers: number, pods: number, bench: Bench): Promise<PodLife> {
  const { installation, client, ledger, patching, mirrors, testEnv } = bench;
  const forwarders = [installation.webhookService, patching.forwarder];
  const mirrored = way.withOperator && way.inject === 'true' ? way.networks : 0;
  for (const forwarder of forwarders) forwarder.setNoDelay(way.nagle !== true);
  const lived = await livePods({
    client,
    kubectl: testEnv.controlPlane.kubectl,
    namespace: way.namespace,
    resource: resourceOf(way),
    pods: Array.from({ length: pods }, () => objectOf(way)),
    callers,
    openedConnections: () => forwarders.reduce((sum, { opened }) => sum + opened, 0),
    settled: (after) => (mirrored === 0 ? Promise.resolve() : mirrors.until(after === 'create' ? pods * mirrored : 0)),
  });
  for (const forwarder of forwarders) forwarder.setNoDelay(true);
  if (!way.withOperator && way.inject === 'true') {
    await sleep(REPORTED_AFTER_MS);
    await releasePending(ledger);
  }
  return lived;
}

/** Releases what no operator releases. */
async function releasePending(ledger: LedgerClient): Promise<void> {
  const pending = await ledger.query({
    text: `select rock_mac.to_mac(addr)::text as mac, generation, holder_key as key from rock_mac.addresses where state = 'pending'`,
    values: [],
    row: z.object({ mac: z.string().transform(mac), generation: z.int(), key: z.string() }),
  });
  const outcomes = await release(ledger, pending, { force: true, actor: 'bench', reason: 'no operator runs' });
  const kept = outcomes.find(({ outcome }) => outcome !== 'released');
  if (kept !== undefined) throw new Error(`a pending address was not released: ${kept.outcome}`);
}

/** Lives all ways that run with the operator, or all others. The order rotates, so that no way always follows the same. */
async function liveAll(
  withOperator: boolean,
  { lives, round, bench }: { lives: Record<PodWayName, Map<number, PodLife[]>>; round: number; bench: Bench },
): Promise<void> {
  const names = NAMES.filter((name) => POD_WAYS[name].withOperator === withOperator);
  for (const callers of [1, 16, 64]) {
    for (const name of names.map((_, index) => names[(index + round) % names.length] ?? 'none')) {
      const way: PodWay = POD_WAYS[name];
      if (!way.callers.includes(callers)) continue;
      if (way.inject === 'true') await sleep(LIMIT_REFILLS_MS);
      const lived = await live(way, callers, (PODS[callers] ?? 0) / way.networks, bench);
      const [created, removed] = [lived.create, lived.remove].map((phase) => phase.settledSeconds.toFixed(1));
      console.error(`${way.title}, ${String(callers)} at once: created in ${created} s, deleted in ${removed} s`);
      lives[name].set(callers, [...(lives[name].get(callers) ?? []), lived]);
    }
  }
}

async function rounds(bench: Bench): Promise<Record<PodWayName, Map<number, PodLife[]>>> {
  const { installation } = bench;
  const lives = Object.fromEntries(NAMES.map((name) => [name, new Map()])) as Record<
    PodWayName,
    Map<number, PodLife[]>
  >;
  for (let round = 0; round < ROUNDS; round++) {
    await live(POD_WAYS.ours, 16, WARM_UP_PODS, bench);
    await liveAll(true, { lives, round, bench });
    await installation.operators.at(-1)?.stop();
    for (const way of [POD_WAYS.none, POD_WAYS.patch, POD_WAYS.alone]) await live(way, 16, WARM_UP_PODS / 2, bench);
    await liveAll(false, { lives, round, bench });
    await installation.startOperator();
    console.error(`round ${String(round + 1)} of ${String(ROUNDS)} is done`);
  }
  return lives;
}

async function openBench(testEnv: TestEnv): Promise<Bench> {
  const url = await testEnv.postgres.createDatabase('rock_mac');
  const installation = await install({ testEnv, ledgerUrl: url, stock: true });
  await installation.ready();
  await makeNamespaces(testEnv);
  const ledger = openLedger({
    url,
    applicationName: 'bench',
    max: 4,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 60_000,
  });
  // Nothing is bound while no operator runs.
  await ledger.connections.query('update rock_mac.ledger_state set pending_cap = 1000000');
  const client = createKubeClient({
    userAgent: 'bench',
    kubeconfig: testEnv.controlPlane.kubeconfig,
    logger: pino({ enabled: false }),
    maxConnections: 80,
  });
  const patching = await startPatchingWebhook(testEnv, PATCH_LABELS);
  const mirrors = await watchMirrors(client, POD_WAYS.ours.namespace);
  const bench = { testEnv, installation, client, ledger, patching, mirrors };
  // The API server takes a moment to know new webhooks and policies.
  for (const way of [POD_WAYS.none, POD_WAYS.patch, POD_WAYS.ours]) {
    await eventually(() => live(way, 1, 1, bench), { within: 20_000 });
  }
  return bench;
}

async function closeBench({ installation, client, ledger, patching, mirrors }: Bench): Promise<void> {
  await mirrors.close();
  await client.close();
  await ledger.close();
  await installation.close();
  await patching.close();
}

const started = machine();
const testEnv = await startTestEnv();
try {
  const bench = await openBench(testEnv);
  const one = webhookReport(await rounds(bench));
  const two = await inARow(IN_A_ROW, { ...bench, namespace: ROW_NAMESPACE, pod: () => podOf(POD_WAYS.ours) });
  const day = new Date().toISOString().slice(0, 10);
  const text = [
    `Measured ${day}, ${started}; Kubernetes 1.37, PostgreSQL 18, Node ${process.versions.node}, fsync on.`,
    one.text,
    two.text,
    `### Goals of the webhook\n\n${goalTable([...one.goals, ...two.goals])}`,
  ].join('\n\n');
  console.log(text);
  if (!quick) await keep(new URL('../../docs/benchmarks.md', import.meta.url), text, 'bench-webhook');
  await closeBench(bench);
} finally {
  await testEnv.close();
}
