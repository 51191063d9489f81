import { afterAll, beforeAll, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { openLedger } from '../../ledger/connection/connect.ts';
import { mac } from '../../mac/mac-address.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation, type Program } from '../env/installation.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { startTcpProxy, type TcpProxy } from '../env/network/tcp-proxy.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, untilReason } from './installed-env.ts';

/** The first address of the pool. A stopped machine, created before the installation, has it. */
const inUse = 'a4:58:0f:05:00:00';

let testEnv: TestEnv;
let ledgerProxy: TcpProxy;
let ledgerUrl: string;
let installation: Installation;

beforeAll(async () => {
  testEnv = await startTestEnv({ postgres: { fsync: false } });
  const { kubectl } = testEnv.controlPlane;
  await installForeignCrds(kubectl, ['virtual-machines', 'virtual-machine-instances']);
  const devices = { interfaces: [{ name: 'blue', macAddress: inUse.toUpperCase() }] };
  const spec = { template: { spec: { domain: { devices } } } };
  const machine = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', metadata: { name: 'old' }, spec };
  await kubectl(['create', '-f', '-'], { input: JSON.stringify(machine) });

  ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  const proxied = new URL(ledgerUrl);
  ledgerProxy = await startTcpProxy({ host: proxied.hostname, port: Number(proxied.port) });
  proxied.port = String(ledgerProxy.port);
  installation = await install({
    testEnv,
    ledgerUrl,
    operators: 0,
    webhooks: 0,
    env: { ROCK_MAC_LEDGER_URL: proxied.href },
  });
});

afterAll(async () => {
  await installation.close();
  await ledgerProxy.close();
  await testEnv.close();
});

test('the first operator of a cluster is not ready before the ledger has all addresses in use', async () => {
  await ledgerProxy.cut();
  let first: Program | undefined;
  const starting = installation.startOperator().then((program) => (first = program));
  await eventually(() => testEnv.controlPlane.kubectl(['get', 'lease', '-n', 'rock-mac-system', 'rock-mac-operator']), {
    within: 20_000,
    every: 200,
  });
  expect(first).toBeUndefined();
  await ledgerProxy.heal();
  await starting;
  expect(await rowOf(inUse)).toMatchObject({
    state: 'active',
    owner: { kind: 'VirtualMachine', name: 'old', nic: 'blue' },
  });
});

test('an address that a virtual machine had before the installation is never allocated again', async () => {
  await testEnv.controlPlane.kubectl(['create', '-f', '-'], { input: aClaim('new', { pool: 'kubernetes' }) });
  const claim = await untilReason(testEnv.controlPlane, 'new', 'Allocated');
  expect(claim.status?.mac).toBe('a4:58:0f:05:00:01');
});

test('a later operator becomes ready while the ledger is unavailable, so an upgrade continues', async () => {
  await ledgerProxy.cut();
  await installation.startOperator();
});

async function rowOf(address: string) {
  const ledger = openLedger({
    url: ledgerUrl,
    applicationName: 'test',
    max: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
  });
  const row = await findByMac(ledger, mac(address));
  await ledger.close();
  return row;
}
