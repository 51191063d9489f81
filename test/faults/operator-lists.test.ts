import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listAddresses } from '../../ledger/address/find.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { migrate } from '../../ledger/migrate.ts';
import { readMetric } from '../env/read-metric.ts';
import type { Child } from '../env/run/child-process.ts';
import { eventually } from '../env/run/eventually.ts';
import { reservePort } from '../env/run/port-reservation.ts';
import { installedEnvOfThisFile, shownAllocations, untilNoAllocations } from '../integration/installed-env.ts';
import { type Lie, type LyingApiServer, startLyingApiServer } from './lying-api-server.ts';
import { numbered, podsWithAddresses, withoutAdmission } from './operator-pods.ts';

const installed = installedEnvOfThisFile({ webhooks: 0, adopt: 'kubernetes', operators: 1 });
const repository = path.join(import.meta.dirname, '..', '..');

let proxy: LyingApiServer | undefined;
let operator: Child | undefined;
let metricsPort = 0;
let opened: LedgerClient | undefined;

function ledger(): LedgerClient {
  if (opened === undefined) throw new Error('the ledger of this file is not open');
  return opened;
}

/** Starts one operator that reaches the API server only through the proxy. */
beforeAll(async () => {
  const { plane, installation, testEnv } = installed();
  await withoutAdmission(plane);
  await Promise.all(installation.operators.map((each) => each.stop()));
  proxy = await startLyingApiServer(plane);
  const [health, metrics] = await Promise.all([reservePort(), reservePort()]);
  metricsPort = metrics.value;
  const url = await testEnv.postgres.createDatabase('lied_to');
  await migrate(url);
  opened = openLedger({
    url,
    applicationName: 'test',
    max: 2,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
  });
  operator = await testEnv.run.spawn({
    name: 'operator-behind-proxy',
    command: process.execPath,
    args: [path.join(repository, 'operator', 'main.ts')],
    env: {
      KUBECONFIG: await plane.serviceAccountKubeconfig('rock-mac-system', 'rock-mac-operator', { server: proxy.url }),
      ROCK_MAC_LEDGER_URL: url,
      ROCK_MAC_HEALTH_HOST: '127.0.0.1',
      ROCK_MAC_HEALTH_PORT: String(health.value),
      ROCK_MAC_METRICS_PORT: String(metricsPort),
      ROCK_MAC_LEADER_LEASE_SECONDS: '3',
      ROCK_MAC_RESYNC_SECONDS: '1',
    },
  });
});

afterAll(async () => {
  await operator?.kill();
  await proxy?.close();
  await opened?.close();
});

async function lastResync(): Promise<number> {
  const { metricsToken: token } = installed().installation;
  return await readMetric('rockmac_last_resync_timestamp_seconds', { port: metricsPort, token });
}

async function activePods(): Promise<number> {
  return (await listAddresses(ledger(), { states: ['active'], kind: 'Pod', limit: 1_000 })).length;
}

async function waitUntilMirrors(count: number): Promise<void> {
  await eventually(
    async () => {
      const shown = (await shownAllocations(installed().plane)).filter(({ mac }) => mac !== undefined);
      if (shown.length !== count) throw new Error(`${String(shown.length)} mirrors have an address`);
    },
    { within: 40_000, every: 200 },
  );
}

async function waitUntilNextResync(): Promise<void> {
  const before = await lastResync();
  await eventually(
    async () => {
      if ((await lastResync()) <= before) throw new Error('no resync since');
    },
    { within: 20_000, every: 100 },
  );
}

describe('I3: while the API server returns empty or failed lists of pods', () => {
  test('nothing is released, even after a day, and nothing is missing when the lists are correct again', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', '-f', '-'], { input: podsWithAddresses(numbered(20, 'living', '05:60')) });
    await waitUntilMirrors(20);
    proxy?.lie('empty');
    await waitUntilNextResync();
    await waitUntilNextResync();
    await ledger().connections.query(
      `update rock_mac.addresses set missing_since = missing_since - interval '25 hours'`,
    );
    await waitUntilNextResync();
    await waitUntilNextResync();
    expect(await activePods()).toBe(20);
    proxy?.lie('none');
    await waitUntilNextResync();
    await waitUntilNextResync();
    const rows = await listAddresses(ledger(), { states: ['active'], kind: 'Pod', limit: 100 });
    expect(rows.filter(({ missingSince }) => missingSince !== undefined)).toEqual([]);
    await waitUntilMirrors(20);
  });

  test.each<Lie>(['cut', 'refused'])('a resync whose list of pods is %s does not count', async (how) => {
    proxy?.lie(how);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const before = await lastResync();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(await lastResync()).toBe(before);
    const rows = await listAddresses(ledger(), { states: ['active'], kind: 'Pod', limit: 100 });
    expect(rows.filter(({ missingSince }) => missingSince !== undefined)).toEqual([]);
    proxy?.lie('none');
    await waitUntilNextResync();
  });

  test('a resync that loses its connection to the server in the middle marks nothing', async () => {
    // Every list of MacAllocations fails. A resync reads it after all pods.
    proxy?.lie('cut', '/macallocations');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const before = await lastResync();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await lastResync()).toBe(before);
    proxy?.lie('none');
    await waitUntilNextResync();
    await installed().plane.kubectl(['delete', 'pods', '--all', '--grace-period=0', '--force']);
    await untilNoAllocations(installed().plane, 60_000);
    expect(await activePods()).toBe(0);
  });
});
