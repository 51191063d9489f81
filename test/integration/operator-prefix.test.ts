import { expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { addressesOf, aPod, installedEnvOfThisFile } from './installed-env.ts';
import { openPluginShell } from './plugin-shell.ts';
import { openShell } from './rock-mac-shell.ts';

/* A ledger that `rock-mac init --prefix` created, and an installation for it, as docs/security.md describes. */

const installed = installedEnvOfThisFile({
  env: { ROCK_MAC_PREFIX: 'a6:58:0f' },
  makeLedger: async (url) => {
    const shell = await openShell({ ROCK_MAC_LEDGER_URL: url });
    const { code, stderr } = await shell.rockMac('init', '--prefix', 'a6:58:0f');
    await shell.close();
    if (code !== 0) throw new Error(stderr);
  },
});

test('pods and claims get addresses under the prefix, and the ledger ignores an address under the default prefix', async () => {
  const { plane, ledger } = installed();
  const networks = '[{"name":"blue"},{"name":"red","mac":"a4:58:0f:05:00:00"}]';
  await plane.kubectl(['apply', '-f', '-'], { input: aPod('other', { networks }) });
  const [address = ''] = (await addressesOf(plane, 'other')).map((each) => each.mac);
  expect(address).toMatch(/^a6:58:0f:05:/);
  await eventually(async () => {
    expect((await findByMac(ledger, mac(address)))?.state).toBe('active');
  });
  expect(await findByMac(ledger, mac('a4:58:0f:05:00:00'))).toBeUndefined();
  const plugin = await openPluginShell(plane.binaries.kubectl);
  try {
    const { stdout } = await plugin.rockMac(plane.kubeconfig, 'allocate');
    expect(stdout).toMatch(/^Allocated MAC: a6:58:0f:01:/);
  } finally {
    await plugin.close();
  }
});
