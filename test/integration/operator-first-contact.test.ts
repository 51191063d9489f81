import { expect, test } from 'vitest';
import { findByMac } from '../../ledger/find.ts';
import { openLedger } from '../../ledger/connect.ts';
import { mac } from '../../mac/mac-address.ts';
import { startGround } from '../ground/ground.ts';
import { install } from '../ground/installation.ts';
import { installForeignCrds } from '../ground/manifests.ts';
import { aClaim, untilReason } from './installed-ground.ts';

test('an address that a virtual machine had before the installation is never handed out', async () => {
  const ground = await startGround({ postgres: { fsync: false } });
  try {
    const { kubectl } = ground.controlPlane;
    await installForeignCrds(kubectl, ['virtual-machines', 'virtual-machine-instances']);
    // The very first address of the pool, on a machine that does not run.
    const inUse = 'a4:58:0f:05:00:00';
    const devices = { interfaces: [{ name: 'blue', macAddress: inUse.toUpperCase() }] };
    const spec = { template: { spec: { domain: { devices } } } };
    const machine = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', metadata: { name: 'old' }, spec };
    await kubectl(['create', '-f', '-'], { input: JSON.stringify(machine) });

    const url = await ground.postgres.createDatabase('rock_mac');
    const installation = await install({ ground, ledgerUrl: url, webhooks: 0 });
    await installation.ready();
    await kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '--all']);
    await kubectl(['create', '-f', '-'], { input: aClaim('new', { pool: 'kubernetes' }) });
    const claim = await untilReason(ground.controlPlane, 'new', 'Allocated');
    expect(claim.status?.mac).toBe('a4:58:0f:05:00:01');
    const ledger = openLedger({
      url,
      applicationName: 'test',
      max: 1,
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 10_000,
    });
    const row = await findByMac(ledger, mac(inUse));
    await ledger.close();
    await installation.close();
    expect(row).toMatchObject({ state: 'active', owner: { kind: 'VirtualMachine', name: 'old', nic: 'blue' } });
  } finally {
    await ground.close();
  }
});
