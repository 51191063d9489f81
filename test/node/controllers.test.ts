import { describe, expect, test } from 'vitest';
import { findByMacs } from '../../ledger/address/find.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { untilReason } from '../integration/installed-env.ts';
import { aDeployment, apply, aWiredPod, nodeEnvOfThisSuite, noNodes, podTemplate, skippedBecause } from './node-env.ts';
import { linksOf, podsOf, untilOnTheWire, type WiredPod, writtenMacs } from './wire.ts';

/*
 * What controllers and people do to pods on a real node, and what it does to the addresses on their links.
 */

const patience = { within: 60_000, every: 250 };
const BOTH = { networks: 'blue,red' };

describe.skipIf(noNodes !== undefined)(`controllers and a real node${skippedBecause}`, () => {
  const env = nodeEnvOfThisSuite();
  const kubectl = (...args: string[]) => env().plane.kubectl(args);

  const stateOf = async (pod: WiredPod) => {
    const rows = await findByMacs(env().ledger, writtenMacs(pod).map(mac));
    return rows.map(({ state }) => state);
  };
  const untilReleased = (...pods: WiredPod[]) =>
    eventually(async () => {
      for (const pod of pods) expect(new Set(await stateOf(pod))).toEqual(new Set(['released']));
    }, patience);

  test('a rollout of a Deployment gives the new pods other addresses, and releases the old ones', async () => {
    await apply(env(), aDeployment('web', { ...BOTH, replicas: 2 }));
    const old = await untilOnTheWire(env(), ['-l', 'app=web'], { pods: 2, each: 2 });
    await kubectl('rollout', 'restart', 'deployment/web');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    const fresh = await untilOnTheWire(env(), ['-l', 'app=web'], { pods: 2, each: 2 });
    const before = old.flatMap(writtenMacs);
    expect(fresh.flatMap(writtenMacs).filter((each) => before.includes(each))).toEqual([]);
    await untilReleased(...old);
    await kubectl('delete', 'deployment', 'web');
  });

  test('a pod of a StatefulSet that is deleted comes back with its new addresses on its links', async () => {
    const template = podTemplate({ app: 'db' }, BOTH);
    const spec = { replicas: 1, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template };
    await apply(env(), { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' }, spec });
    const old = await untilOnTheWire(env(), ['-l', 'app=db'], { pods: 1, each: 2 });
    await kubectl('delete', 'pod', 'db-0');
    const fresh = await untilOnTheWire(env(), ['-l', 'app=db'], { pods: 1, each: 2 });
    expect(fresh[0]?.metadata.uid).not.toBe(old[0]?.metadata.uid);
    await untilReleased(...old);
    await kubectl('delete', 'statefulset', 'db');
  });

  test('the pods of a Job see their addresses, which are released when the Job is complete', async () => {
    const { metadata, spec } = podTemplate({ app: 'once' });
    const [container] = spec['containers'] as [object];
    const command = ['sh', '-c', 'cat /sys/class/net/net1/address'];
    const template = { metadata, spec: { ...spec, restartPolicy: 'Never', containers: [{ ...container, command }] } };
    const job = { completions: 2, parallelism: 2, template };
    await apply(env(), { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once' }, spec: job });
    await kubectl('wait', 'job/once', '--for=condition=Complete', '--timeout=60s');
    const pods = await podsOf(env(), '-l', 'app=once');
    expect(pods).toHaveLength(2);
    for (const pod of pods) {
      expect([(await kubectl('logs', pod.metadata.name)).trim()]).toEqual(writtenMacs(pod));
    }
    await untilReleased(...pods);
  });

  test('an eviction releases the addresses of a pod', async () => {
    await apply(env(), aWiredPod('evicted', BOTH));
    const pods = await untilOnTheWire(env(), ['-l', 'app=evicted'], { pods: 1, each: 2 });
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'evicted', namespace: 'default' } };
    await env().plane.kubectl(['create', '--raw', '/api/v1/namespaces/default/pods/evicted/eviction', '-f', '-'], {
      input: JSON.stringify(eviction),
    });
    await untilReleased(...pods);
  });

  test('the address of a pod that was deleted by force goes to no other namespace while it may still be on a link', async () => {
    await apply(env(), aWiredPod('stubborn', { grace: 30, stubborn: true }));
    const [pod] = await untilOnTheWire(env(), ['-l', 'app=stubborn'], { pods: 1, each: 1 });
    if (pod === undefined) throw new Error('the pod is missing');
    await kubectl('delete', 'pod', 'stubborn', '--force', '--grace-period=0');
    await untilReleased(pod);
    // The reuse delay of the pool: not even a request for exactly this address gets it. Its own namespace may (docs/limits.md).
    await kubectl('create', 'namespace', 'neighbour');
    const networks = JSON.stringify([{ namespace: 'default', name: 'blue', mac: writtenMacs(pod)[0] }]);
    const heir = JSON.stringify(aWiredPod('heir', { networks })).replace(
      '"name":"heir"',
      '"name":"heir","namespace":"neighbour"',
    );
    await expect(apply(env(), JSON.parse(heir) as object)).rejects.toThrow(/released/);
    await eventually(async () => {
      await expect(linksOf(pod)).rejects.toThrow('has no process');
    }, patience);
  });

  describe.each([
    ['Recreate', { type: 'Recreate' }],
    ['maxSurge 0', { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } }],
  ])('a Deployment with a claim and %s', (_, strategy) => {
    test('has the same address on the link of its next pod', async () => {
      const name = `keeps-${strategy.type.toLowerCase()}`;
      const claim = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacAllocation', metadata: { name } };
      await apply(env(), { ...claim, spec: { pool: 'kubernetes' } });
      const { status } = await untilReason(env().plane, name, 'Allocated');
      await apply(env(), aDeployment(name, { annotations: { 'mac.rock-os.io/allocation': name }, strategy }));
      for (let rollout = 0; rollout < 2; rollout++) {
        const pods = await untilOnTheWire(env(), ['-l', `app=${name}`], { pods: 1, each: 1 });
        expect(pods.flatMap(writtenMacs)).toEqual([status?.mac]);
        await kubectl('rollout', 'restart', `deployment/${name}`);
        await kubectl('rollout', 'status', `deployment/${name}`, '--timeout=60s');
      }
      await untilOnTheWire(env(), ['-l', `app=${name}`], { pods: 1, each: 1 });
      // Each of these pods was seen to end, so the claim was never held for one.
      expect(await kubectl('get', 'events', '--field-selector=reason=ConsumerUnreachable', '-o', 'name')).toBe('');
    });
  });
});

function mac(text: string): MacAddress {
  const parsed = parseMac(text);
  if (!parsed.ok) throw new Error(`${text} is no address`);
  return parsed.mac;
}
