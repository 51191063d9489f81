import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { numberToMac } from '../../mac/mac-address.ts';
import { machines } from '../../operator/live/kubevirt-kinds.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';

/*
 * A cluster of kubemacpool's users with 14,000 machines, whose memory is made again at each of its starts. The first operator records
 * them all before it is ready, and the next one changes none of them.
 */

const MACHINES = 14_000;
const FIRST = 0xa4580f050000;
const slow = { timeout: 600_000 };

let testEnv: TestEnv;
let client: KubeClient;
let ledger: LedgerClient;
let installation: Installation;

beforeAll(async () => {
  testEnv = await startTestEnv({ postgres: { fsync: false } });
  const { kubectl, kubeconfig } = testEnv.controlPlane;
  await installForeignCrds(kubectl, ['virtual-machines', 'virtual-machine-instances']);
  client = createKubeClient({ userAgent: 'test', kubeconfig, logger: pino({ enabled: false }), maxConnections: 32 });
  const ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  ledger = openLedger({
    url: ledgerUrl,
    applicationName: 'test',
    max: 2,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
  });
  let next = 0;
  const create = async () => {
    for (let index = next++; index < MACHINES; index = next++) await createMachine(index);
  };
  await Promise.all(Array.from({ length: 24 }, create));
  installation = await install({ testEnv, ledgerUrl, operators: 0, webhooks: 0 });
}, 600_000);

afterAll(async () => {
  await installation.close();
  await client.close();
  await ledger.close();
  await testEnv.close();
});

async function createMachine(index: number): Promise<void> {
  const interfaces = [{ name: 'red', bridge: {}, macAddress: numberToMac(FIRST + index) }];
  const networks = [{ name: 'red', multus: { networkName: 'red' } }];
  const spec = { runStrategy: 'Halted', template: { spec: { domain: { devices: { interfaces } }, networks } } };
  const metadata = { name: `m${String(index)}` };
  await eventually(() => client.create(machines, { metadata, spec }, { namespace: 'default' }), { within: 30_000 });
}

async function count(text: string): Promise<number> {
  const [row] = await ledger.query({ text, values: [], row: z.object({ count: z.number() }) });
  return row?.count ?? 0;
}

const owned = () =>
  count(
    `select count(*)::int as count from rock_mac.addresses where state = 'active' and owner_kind = 'VirtualMachine'`,
  );
const audited = () => count('select count(*)::int as count from rock_mac.audit_log');

test('the first operator is ready when every machine owns its address', slow, async () => {
  await installation.startOperator();
  expect(await owned()).toBe(MACHINES);
});

test('the next operator changes none of them', slow, async () => {
  const before = await audited();
  for (const operator of installation.operators) await operator.stop();
  const operator = await installation.startOperator();
  await eventually(
    async () => {
      expect(await operator.metric('rockmac_resync_duration_seconds_count')).toBeGreaterThan(0);
    },
    { within: 300_000, every: 1_000 },
  );
  expect(await owned()).toBe(MACHINES);
  expect(await audited()).toBe(before);
});
