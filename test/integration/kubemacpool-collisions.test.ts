import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { objectsIn, untilEqual } from './collisions.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

/*
 * Collisions that users of kubemacpool rely on and that collisions.test.ts does not show, in opt-out mode. As there, no webhook changes
 * what the objects say, and resyncs are rare. docs/kubemacpool-scenarios.md lists the rest.
 */

const installed = installedEnvOfThisFile({
  webhooks: 0,
  modes: { pods: 'opt-out', virtualMachines: 'opt-out' },
  env: { ROCK_MAC_RESYNC_SECONDS: '600' },
});
const INJECT = 'mac.rock-os.io/inject';

const team = () => objectsIn(installed().plane, 'team');
const other = () => objectsIn(installed().plane, 'other');
const optedOut = () => objectsIn(installed().plane, 'opted-out');
const conflicts = async () => (await installed().installation.operators.at(-1)?.metric('rockmac_conflicts')) ?? -1;

/** A watch and a reconcile take milliseconds: what has not happened after this will not happen. */
const pause = () => sleep(1_500, systemClock);

beforeAll(async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  for (const namespace of ['team', 'other', 'opted-out']) await plane.kubectl(['create', 'namespace', namespace]);
  await plane.kubectl(['label', 'namespace', 'opted-out', `${INJECT}=disabled`]);
  // The policy against stray addresses would refuse addresses of a pool. It has its own test.
  await plane.kubectl(['delete', 'validatingadmissionpolicybinding', '--all']);
});

describe('a virtual machine instance', () => {
  test('13: has no collision with itself when its machine is restarted', async () => {
    const { instance, removeInstance, collisionsOf } = team();
    const mac = '02:00:00:0d:00:01';
    for (let start = 0; start < 3; start++) {
      await instance('restarted', [{ mac }]);
      await pause();
      expect(await conflicts()).toBe(0);
      await removeInstance('restarted');
    }
    expect(await collisionsOf('restarted')).toEqual([]);
  });

  test.each([
    ['17: that has the address of a pool, as another one has', 'a4:58:0f:05:11:01', 'a4:58:0f:05:11:01'],
    ['18: that has the address of another one in another notation', '02-00-00-12-00-01', '02:00:00:12:00:01'],
    ['19: that has the address of another one outside of all pools', '00:1b:21:13:00:01', '00:1b:21:13:00:01'],
  ])('%s, is reported with it', async (_, written, mac) => {
    const { instance, removeInstance, collisionsOf } = team();
    await instance('one', [{ mac: written }]);
    await instance('two', [{ mac }]);
    await untilEqual(conflicts, 2);
    await untilEqual(async () => (await collisionsOf('one')).at(-1)?.includes('VirtualMachineInstance team/two'), true);
    await untilEqual(async () => (await collisionsOf('two')).at(-1)?.includes('VirtualMachineInstance team/one'), true);
    await removeInstance('two');
    await untilEqual(conflicts, 0);
    await removeInstance('one');
  });

  test('21, 22: with several interfaces is reported with the addresses that it shares, each with whom it shares it', async () => {
    const { instance, removeInstance, collisionsOf } = team();
    const [first, second] = ['02:00:00:15:00:01', '02:00:00:15:00:02'];
    await instance('several', [{ mac: first }, { mac: second }, { mac: '02:00:00:15:00:03' }]);
    await instance('left', [{ mac: first }, { mac: '02:00:00:15:00:04' }]);
    await untilEqual(conflicts, 2);
    await untilEqual(async () => (await collisionsOf('several')).length, 1);
    await instance('right', [{ mac: second }]);
    await untilEqual(conflicts, 4);
    await untilEqual(async () => (await collisionsOf('several')).length, 2);
    const notes = await collisionsOf('several');
    expect(notes.find((note) => note.startsWith(first))).toMatch(/team\/left /);
    expect(notes.find((note) => note.startsWith(second))).toMatch(/team\/right /);
    await removeInstance('left');
    await untilEqual(conflicts, 2);
    await removeInstance('right');
    await untilEqual(conflicts, 0);
    await removeInstance('several');
  });

  test('24: that ends, of three, ends only the collision of its own address', async () => {
    const { instance, removeInstance } = team();
    const [first, second] = ['02:00:00:18:00:01', '02:00:00:18:00:02'];
    await instance('both', [{ mac: first }, { mac: second }]);
    await instance('one', [{ mac: first }]);
    await instance('two', [{ mac: second }]);
    await untilEqual(conflicts, 4);
    await removeInstance('one');
    await untilEqual(conflicts, 2);
    await removeInstance('two');
    await untilEqual(conflicts, 0);
    await removeInstance('both');
  });
});

test('34: three pods with one address are reported as three, until two have ended', async () => {
  const { pod, removePod, collisionsOf } = team();
  const mac = '02:00:00:22:00:01';
  for (const name of ['p1', 'p2', 'p3']) await pod(name, [{ mac }]);
  await untilEqual(conflicts, 3);
  for (const name of ['p1', 'p2', 'p3']) {
    await untilEqual(async () => (await collisionsOf(name)).length > 0, true);
  }
  await removePod('p3');
  await untilEqual(conflicts, 2);
  await removePod('p2');
  await untilEqual(conflicts, 0);
  await removePod('p1');
});

describe('in opt-out mode', () => {
  test('28: objects of two namespaces without a label are compared', async () => {
    const mac = '02:00:00:1c:00:01';
    await team().instance('here', [{ mac }]);
    await other().instance('there', [{ mac }]);
    await untilEqual(conflicts, 2);
    await other().removeInstance('there');
    await untilEqual(conflicts, 0);
    await team().removeInstance('here');
  });

  test('29: objects of a namespace that opted out are not, and 16: are after it opts in, also by the next leader', async () => {
    const { plane, installation } = installed();
    const mac = '02:00:00:1d:00:01';
    await team().instance('managed', [{ mac }]);
    await optedOut().instance('unmanaged', [{ mac }]);
    await pause();
    expect(await conflicts()).toBe(0);
    await plane.kubectl(['label', 'namespace', 'opted-out', `${INJECT}-`]);
    await untilEqual(conflicts, 2);
    const restart = async () => {
      await installation.operators.at(-1)?.stop();
      await installation.startOperator();
    };
    await restart();
    await untilEqual(conflicts, 2, 30_000);
    await optedOut().removeInstance('unmanaged');
    await untilEqual(conflicts, 0);
    await restart();
    await pause();
    expect(await conflicts()).toBe(0);
    await team().removeInstance('managed');
  });
});
