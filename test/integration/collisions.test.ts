import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { objectsIn, untilEqual } from './collisions.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

/*
 * Running objects that have the same address, of any prefix: real API server, real Postgres, and the status as Multus and KubeVirt
 * write it. There is no webhook, so nobody changes what the objects say. Resyncs are rare: what is found in seconds does not wait for one.
 */
const installed = installedEnvOfThisFile({ webhooks: 0, env: { ROCK_MAC_RESYNC_SECONDS: '600' } });

const team = () => objectsIn(installed().plane, 'team');
const other = () => objectsIn(installed().plane, 'other');
const outside = () => objectsIn(installed().plane, 'outside');

const conflicts = async () => (await installed().installation.operators[0]?.metric('rockmac_conflicts')) ?? -1;

/** Two resyncs of a watch and a reconcile take milliseconds; nothing has happened after this, so nothing will. */
const pause = () => sleep(1_500, systemClock);

beforeAll(async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  for (const namespace of ['team', 'other', 'outside']) await plane.kubectl(['create', 'namespace', namespace]);
  for (const namespace of ['team', 'other']) {
    await plane.kubectl(['label', 'namespace', namespace, 'mac.rock-os.io/inject=enabled']);
  }
  await plane.kubectl(['delete', 'validatingadmissionpolicybinding', '--all']);
});

describe('two running objects with one address', () => {
  test.each([
    ['colons', '02:00:00:00:01:01', '02:00:00:00:01:01'],
    ['dashes', '02-00-00-00-01-02', '02:00:00:00:01:02'],
    ['vendor', '00:1B:21:00:01:03', '00:1b:21:00:01:03'],
  ])('are reported if they are pods, until one ends: %s', async (form, written, address) => {
    const { pod, removePod, collisionsOf } = team();
    const [one, two] = [`${form}-1`, `${form}-2`];
    await pod(one, [{ mac: written }]);
    await pod(two, [{ mac: address }]);
    await untilEqual(conflicts, 2);
    const note = (name: string) =>
      `${address} on interface net1: Pod team/${name} also uses this address. Give one of them another address`;
    await untilEqual(() => collisionsOf(one), [note(two)]);
    await untilEqual(() => collisionsOf(two), [note(one)]);
    await removePod(two);
    await untilEqual(conflicts, 0);
    await removePod(one);
  });

  test('are reported if they are instances, and three as three', async () => {
    const { instance, removeInstance, collisionsOf } = team();
    const mac = '02:00:00:00:02:01';
    await instance('vm1', [{ mac }]);
    await instance('vm2', [{ mac }]);
    await untilEqual(conflicts, 2);
    await instance('vm3', [{ mac }]);
    await untilEqual(conflicts, 3);
    for (const name of ['vm1', 'vm2', 'vm3']) {
      await untilEqual(async () => (await collisionsOf(name)).length, 1);
    }
    await removeInstance('vm3');
    await untilEqual(conflicts, 2);
    await removeInstance('vm2');
    await untilEqual(conflicts, 0);
    await removeInstance('vm1');
  });

  test('are reported if they are a pod and an instance, until either ends', async () => {
    const { pod, removePod, instance, removeInstance, collisionsOf } = team();
    const mac = '02:00:00:00:03:01';
    await pod('mixed', [{ mac }]);
    await instance('guest', [{ mac }]);
    await untilEqual(conflicts, 2);
    await untilEqual(
      async () => (await collisionsOf('mixed')).at(-1)?.includes('VirtualMachineInstance team/guest'),
      true,
    );
    await untilEqual(async () => (await collisionsOf('guest')).at(-1)?.includes('Pod team/mixed'), true);
    await removeInstance('guest');
    await untilEqual(conflicts, 0);
    await instance('guest', [{ mac }]);
    await untilEqual(conflicts, 2);
    await removePod('mixed');
    await untilEqual(conflicts, 0);
    await removeInstance('guest');
  });

  test('are reported in their namespaces without the name of the other', async () => {
    const mac = '02:00:00:00:04:01';
    await team().pod('here', [{ mac }]);
    await other().pod('secret-project', [{ mac }]);
    await untilEqual(conflicts, 2);
    await untilEqual(
      async () => (await team().collisionsOf('here')).at(-1),
      `${mac} on interface net1: 1 object of other namespaces also uses this address. Give one of them another address`,
    );
    await untilEqual(async () => (await other().collisionsOf('secret-project')).length, 1);
    expect((await other().collisionsOf('secret-project')).join()).not.toMatch(/here|team/);
    await team().removePod('here');
    await untilEqual(conflicts, 0);
    await other().removePod('secret-project');
  });
});

describe('of several interfaces', () => {
  test('only the address that is shared is reported, and each that is shared', async () => {
    const { pod, removePod, collisionsOf } = team();
    const [first, second] = ['02:00:00:00:05:01', '02:00:00:00:05:02'];
    await pod('both', [{ mac: first }, { mac: second }, { mac: '02:00:00:00:05:03' }]);
    await pod('left', [{ mac: first }, { mac: '02:00:00:00:05:04' }]);
    await untilEqual(conflicts, 2);
    await pod('right', [{ mac: second }]);
    await untilEqual(conflicts, 4);
    await untilEqual(async () => (await collisionsOf('both')).length, 2);
    expect((await collisionsOf('both')).join()).not.toMatch(/05:03/);
    await removePod('left');
    await untilEqual(conflicts, 2);
    await removePod('right');
    await untilEqual(conflicts, 0);
    await removePod('both');
  });

  test('two of one object with one address are reported', async () => {
    const { pod, removePod, collisionsOf } = team();
    await pod('twin', [{ mac: '02:00:00:00:06:01' }, { mac: '02:00:00:00:06:01' }]);
    await untilEqual(
      async () => (await collisionsOf('twin')).at(-1),
      '02:00:00:00:06:01 is on several interfaces of this object. Give each its own address',
    );
    await removePod('twin');
    await untilEqual(conflicts, 0);
  });
});

describe('are no collision:', () => {
  test('an object of a namespace that did not opt in, for an address of another prefix, until it does', async () => {
    const { plane } = installed();
    const mac = '02:00:00:00:07:01';
    await team().pod('managed', [{ mac }]);
    await outside().pod('unmanaged', [{ mac }]);
    await pause();
    expect(await conflicts()).toBe(0);
    await plane.kubectl(['label', 'namespace', 'outside', 'mac.rock-os.io/inject=enabled']);
    await untilEqual(conflicts, 2);
    await plane.kubectl(['label', 'namespace', 'outside', 'mac.rock-os.io/inject-']);
    await untilEqual(conflicts, 0);
    await team().removePod('managed');
    await outside().removePod('unmanaged');
  });

  test('both instances of a migration', async () => {
    const mac = '02:00:00:00:08:01';
    await team().instance('traveller', [{ mac }], 'migration-1');
    await other().instance('traveller', [{ mac }], 'migration-1');
    await pause();
    expect(await conflicts()).toBe(0);
    await other().instance('stranger', [{ mac }], 'migration-2');
    await untilEqual(conflicts, 3);
    await other().removeInstance('stranger');
    await untilEqual(conflicts, 0);
    await team().removeInstance('traveller');
    await other().removeInstance('traveller');
  });

  test('interfaces on networks of different segments, until one segment is named otherwise', async () => {
    const { plane } = installed();
    const mac = '02:00:00:00:09:01';
    for (const [name, segment] of [
      ['lab-a', 'a'],
      ['lab-b', 'b'],
    ] as const) {
      const metadata = { name, annotations: { 'mac.rock-os.io/segment': segment } };
      const input = JSON.stringify({ apiVersion: 'k8s.cni.cncf.io/v1', kind: 'NetworkAttachmentDefinition', metadata });
      await plane.kubectl(['create', '-n', 'team', '-f', '-'], { input });
    }
    await team().pod('in-a', [{ mac, network: 'lab-a' }]);
    await team().instance('in-b', [{ mac, network: 'lab-b' }]);
    await pause();
    expect(await conflicts()).toBe(0);
    await plane.kubectl([
      ...['annotate', 'net-attach-def', 'lab-b', '-n', 'team', '--overwrite', 'mac.rock-os.io/segment=a'],
    ]);
    await untilEqual(conflicts, 2);
    await team().removePod('in-a');
    await untilEqual(conflicts, 0);
    await team().removeInstance('in-b');
  });

  test('interfaces that have the address of their parent', async () => {
    const { plane } = installed();
    const mac = '02:00:00:00:0a:01';
    const input = JSON.stringify({
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name: 'shared' },
      spec: { config: '{"type":"ipvlan","master":"eth1"}' },
    });
    await plane.kubectl(['create', '-n', 'team', '-f', '-'], { input });
    await team().pod('ip1', [{ mac, network: 'shared' }]);
    await team().pod('ip2', [{ mac, network: 'shared' }]);
    await pause();
    expect(await conflicts()).toBe(0);
    await team().removePod('ip1');
    await team().removePod('ip2');
  });
});

test('a collision is found again by the next leader, with objects that are older than it', async () => {
  const { installation } = installed();
  const mac = '02:00:00:00:0b:01';
  await team().pod('old1', [{ mac }]);
  await team().instance('old2', [{ mac }]);
  await untilEqual(conflicts, 2);
  await untilEqual(async () => (await team().collisionsOf('old1')).length, 1);
  await installation.operators[0]?.stop();
  const next = await installation.startOperator();
  await untilEqual(() => next.metric('rockmac_conflicts'), 2, 30_000);
  await untilEqual(async () => (await team().collisionsOf('old1')).length, 2);
  await team().removePod('old1');
  await untilEqual(() => next.metric('rockmac_conflicts'), 0);
  await team().removeInstance('old2');
});

test('an address of ours is reported on its mirror too, whatever the namespaces, and resolved', async () => {
  const { plane, installation } = installed();
  const operator = installation.operators.at(-1);
  const mac = 'a4:58:0f:05:30:01';
  await plane.kubectl(['annotate', 'namespace', 'team', 'mac.rock-os.io/adopt=kubernetes']);
  const networks = JSON.stringify([{ name: 'net', mac }]);
  await team().pod('owner', [{ mac }], { 'k8s.v1.cni.cncf.io/networks': networks });
  const shown = (path: string) => plane.kubectl(['get', 'macallocations', '-n', 'team', '-o', `jsonpath=${path}`]);
  await untilEqual(() => shown('{.items[0].spec.consumerRef.name}'), 'owner');
  await outside().pod('stray', [{ mac }]);
  const message = '1 object of other namespaces also uses this address. Give one of them another address';
  await untilEqual(() => shown('{.items[0].status.conditions[?(@.type=="Conflict")].message}'), message);
  await untilEqual(async () => operator?.metric('rockmac_conflicts'), 2);
  await outside().removePod('stray');
  await untilEqual(async () => operator?.metric('rockmac_conflicts'), 0);
  await untilEqual(() => shown('{.items[0].status.conditions[?(@.type=="Conflict")].reason}'), 'Resolved');
});
