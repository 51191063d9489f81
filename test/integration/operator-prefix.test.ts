import { expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { addPrefix } from '../../ledger/pool/prefixes.ts';
import { mac } from '../../mac/mac-address.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import { eventually } from '../env/run/eventually.ts';
import { addressesOf, aPod, installedEnvOfThisFile } from './installed-env.ts';
import { openPluginShell } from './plugin-shell.ts';
import { openShell } from './rock-mac-shell.ts';

/* A ledger that `rock-mac init --prefix` created, and an installation for it, as docs/security.md describes. */

const installed = installedEnvOfThisFile({
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

test('a prefix that is added later counts within 30 seconds, without a restart', async () => {
  const { plane, ledger } = installed();
  const { kubectl } = plane;
  const written = (name: string, address: string) => {
    const networks = `[{"name":"red","mac":"${address}"}]`;
    const input = aPod(name, { networks, annotations: { 'mac.rock-os.io/pool': 'old' } });
    return kubectl(['apply', '-f', '-'], { input });
  };
  await written('before', '02-00-00-00-00-07');
  // The CNI of the cluster gave it an address under the later prefix, and it is cached for its other interface.
  const own = mac('02:00:00:00:00:08');
  const status = JSON.stringify([{ name: 'cbr0', interface: 'eth0', mac: own, default: true }]);
  const annotations = { 'k8s.v1.cni.cncf.io/network-status': status };
  await kubectl(['apply', '-f', '-'], { input: aPod('cached', { networks: '[{"name":"blue"}]', annotations }) });
  await addressesOf(plane, 'cached');
  const run = (name: string) =>
    kubectl(['patch', 'pod', name, '--subresource=status', '-p', '{"status":{"phase":"Running"}}']);
  await run('cached');
  expect(await findByMac(ledger, mac('02:00:00:00:00:07'))).toBeUndefined();

  expect(await addPrefix(ledger, { prefix: macPrefix('02') }, 'test')).toEqual({ outcome: 'added' });
  const pool = { first: '0200.0000.0000', last: '02-FF-FF-FF-FF-FF' };
  const spec = { ...pool, reuseDelay: '1m' };
  const manifest = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: 'old' }, spec };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
  await kubectl(['wait', '--for=condition=Ready', 'macpool/old', '--timeout=30s']);
  // The webhook asks the ledger for an address under it.
  let tries = 0;
  await eventually(
    async () => {
      const address = `02:00:00:00:01:0${String(++tries)}`;
      await written(`after-${String(tries)}`, address);
      await eventually(
        async () => {
          expect(await findByMac(ledger, mac(address))).toMatchObject({ state: 'active', pool: 'old' });
        },
        { within: 3_000, every: 200 },
      );
    },
    { within: 30_000, every: 3_000 },
  );
  expect(await findByMac(ledger, own)).toMatchObject({ generation: 0, observed: true });
  // Its cached copy has the address too, so that a collision is found.
  const twin = aPod('twin', { networks: '[{"name":"green"}]', annotations });
  await kubectl(['apply', '-f', '-'], { input: twin });
  await run('twin');
  await eventually(async () => {
    const path = '{.items[?(@.reason=="AddressCollision")].note}';
    const selector = '--field-selector=regarding.name=cached';
    const notes = await kubectl(['get', 'events.events.k8s.io', selector, '-o', `jsonpath=${path}`]);
    expect(notes).toContain(`${own} on interface primary: Pod default/twin also uses this address`);
  });
  // The policies read it.
  const ranges = await kubectl(['get', 'configmap', 'rock-mac-address-ranges', '-n', 'rock-mac-system', '-o', 'json']);
  expect(ranges).toContain('"prefixes": "02 a6:58:0f"');
});
