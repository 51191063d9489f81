import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { observationsOfCluster, observationsOfMac } from '../../ledger/observation/observations.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { mac } from '../../mac/mac-address.ts';
import { systemClock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { objectsIn, untilEqual } from './collisions.ts';
import { aPod, installedEnvOfThisFile } from './installed-env.ts';

/*
 * The settings that are no default: `operator.observe: all`, then `off`, and `webhook.duplicates: warn`. The other tests of observed
 * addresses have the defaults.
 */
const installed = installedEnvOfThisFile({
  env: { ROCK_MAC_RESYNC_SECONDS: '600', ROCK_MAC_OBSERVE: 'all', ROCK_MAC_DUPLICATES: 'warn' },
});

const WITHIN = 30_000;

const team = () => objectsIn(installed().plane, 'team');
const outside = () => objectsIn(installed().plane, 'outside');

const conflicts = async () => (await installed().installation.operators.at(-1)?.metric('rockmac_conflicts')) ?? -1;
const namesOn = (address: string) => async () =>
  (await observationsOfMac(installed().ledger, mac(address))).map(({ object }) => object.name).sort();

beforeAll(async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  for (const namespace of ['team', 'outside']) await plane.kubectl(['create', 'namespace', namespace]);
  await plane.kubectl(['label', 'namespace', 'team', 'mac.rock-os.io/inject=enabled']);
});

/** Creates a pod whose author asks for addresses. Returns its name, or why it was refused, or the warning. */
async function ask(name: string, macs: readonly string[], flags: readonly string[] = []): Promise<string> {
  const networks = JSON.stringify(macs.map((each) => ({ name: 'net', mac: each })));
  return await installed()
    .plane.kubectl(['create', '-n', 'team', '-o', 'name', ...flags, '-f', '-'], { input: aPod(name, { networks }) })
    .catch((error: unknown) => String(error));
}

describe('with duplicates: warn', () => {
  const address = '02:00:00:00:0d:01';

  test('an address that another object of the namespace uses is admitted with a warning, which names that object', async () => {
    expect(await ask('first', [address])).toMatch(/pod\/first/);
    await untilEqual(namesOn(address), ['first'], WITHIN);
    const warning = await ask('asked', [address], ['--dry-run=server', '--warnings-as-errors']);
    expect(warning).toMatch(/02:00:00:00:0d:01 .*is in use by Pod first/);
    expect(await ask('second', [address])).toMatch(/pod\/second/);
    await untilEqual(namesOn(address), ['first', 'second'], WITHIN);
  });

  test('an address that is twice on one object is refused', async () => {
    expect(await ask('twin', ['02:00:00:00:0d:02', '02-00-00-00-0d-02'])).toMatch(/denied/);
  });
});

test('with observe: all, an object of a namespace that did not opt in is recorded and compared', async () => {
  const address = '02:00:00:00:0d:11';
  await outside().pod('unmanaged', [{ mac: address }]);
  await untilEqual(namesOn(address), ['unmanaged'], WITHIN);
  await team().pod('managed', [{ mac: address }]);
  await untilEqual(conflicts, 2, WITHIN);
  await untilEqual(async () => (await outside().collisionsOf('unmanaged')).length, 1, WITHIN);
  await untilEqual(async () => (await team().collisionsOf('managed')).length, 1, WITHIN);
});

test('with observe: off, no address of another prefix is recorded or compared, and those of ours are', async () => {
  const { installation, ledger } = installed();
  await installation.operators.at(-1)?.stop();
  const operator = await installation.startOperator({ ROCK_MAC_OBSERVE: 'off' });
  const [cluster] = await listClusters(ledger);
  // The first resync ends what another operator recorded.
  await untilEqual(() => observationsOfCluster(ledger, cluster?.clusterId ?? ''), [], WITHIN);
  const ours = mac('a4:58:0f:05:7a:01');
  await team().pod('foreign', [{ mac: '02:00:00:00:0d:11' }]);
  await outside().pod('stray', [{ mac: ours }]);
  await untilEqual(namesOn(ours), ['stray'], WITHIN);
  expect(await findByMac(ledger, ours)).toMatchObject({ observed: true, generation: 0 });
  await sleep(1_500, systemClock);
  expect(await namesOn('02:00:00:00:0d:11')()).toEqual([]);
  expect(await operator.metric('rockmac_conflicts')).toBe(0);
  expect(await team().collisionsOf('foreign')).toEqual([]);
});
