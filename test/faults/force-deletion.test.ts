import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { eventually } from '../env/run/eventually.ts';
import { untilReason } from '../integration/installed-env.ts';
import { apply, aWiredPod, nodeEnvOfThisSuite, noNodes, podTemplate, skippedBecause } from '../node/node-env.ts';
import { linksOf, processesOf, untilOnTheWire, writtenMacs } from '../node/wire.ts';

/*
 * Two nodes on one bridge. The kubelet of the first is away, and somebody deletes its pod by force: the API server forgets the
 * pod, whose containers keep running with the address of a claim, or with one that belongs to the name of the pod.
 */

describe.skipIf(noNodes !== undefined)(`the address of a pod that is deleted by force${skippedBecause}`, () => {
  const env = nodeEnvOfThisSuite({ nodes: 2 });
  const kubectl = (...args: string[]) => env().plane.kubectl(args);
  const deleteByForce = (pod: string) => kubectl('delete', 'pod', pod, '--force', '--grace-period=0');

  const createPod = async (name: string, number: 1 | 2) => {
    const annotations = { 'mac.rock-os.io/allocation': 'gate' };
    await apply(env(), aWiredPod(name, { annotations, node: `node-${number}` }));
  };
  const untilRunning = async (name: string) => {
    const [pod] = await untilOnTheWire(env(), ['-l', `app=${name}`], { pods: 1, each: 1 });
    if (pod === undefined) throw new Error(`pod ${name} is missing`);
    return pod;
  };

  test('of a claim goes to the next pod only after the kubelet was back and has ended the first', async () => {
    const [node] = env().nodes.all;
    const claim = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacAllocation', metadata: { name: 'gate' } };
    await apply(env(), { ...claim, spec: { pool: 'kubernetes' } });
    const { status } = await untilReason(env().plane, 'gate', 'Allocated');
    await createPod('first', 1);
    const first = await untilRunning('first');
    expect(writtenMacs(first)).toEqual([status?.mac]);

    await node?.kubelet.kill();
    await deleteByForce('first');
    for (let attempt = 0; attempt < 20; attempt++) {
      await expect(createPod('second', 2)).rejects.toThrow(/The address of claim gate is (?:in use|held)/);
      await sleep(1_000);
    }
    expect(Object.values(await linksOf(first))).toContain(status?.mac);

    await node?.kubelet.start();
    await eventually(() => createPod('second', 2), { within: 180_000, every: 500 });
    expect(processesOf(first)).toEqual([]);
    expect(writtenMacs(await untilRunning('second'))).toEqual([status?.mac]);
  }, 400_000);

  // By now the second node has been Ready for more than two minutes.
  test('of a claim goes to the next pod after half a minute, if the kubelet is in contact', async () => {
    const second = await untilRunning('second');
    await deleteByForce('second');
    await eventually(() => createPod('third', 1), { within: 40_000, every: 500 });
    expect(processesOf(second)).toEqual([]);
    await untilRunning('third');
  });

  test('that is sticky goes to the next pod of the name only after the node was back', async () => {
    const [node] = env().nodes.all;
    const template = podTemplate({ app: 'db' }, { annotations: { 'mac.rock-os.io/sticky': 'true' } });
    const spec = { replicas: 1, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template };
    await kubectl('cordon', 'node-2');
    await apply(env(), { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' }, spec });
    const first = await untilRunning('db');
    await kubectl('uncordon', 'node-2');

    await node?.kubelet.kill();
    await kubectl('wait', 'node/node-1', '--for=condition=Ready=Unknown', '--timeout=120s');
    const claims = ['macallocations', '-l', 'mac.rock-os.io/sticky=true'];
    await kubectl('wait', ...claims, '--for=condition=ConsumerUnreachable', '--timeout=30s');
    await deleteByForce('db-0');
    for (let second = 0; second < 20; second++) {
      expect(await kubectl('get', 'pods', '-l', 'app=db', '-o', 'name')).toBe('');
      await sleep(1_000);
    }
    expect(Object.values(await linksOf(first))).toEqual(expect.arrayContaining(writtenMacs(first)));

    await node?.kubelet.start();
    await eventually(
      async () => {
        // The controller waits longer after each refusal. A change of the set makes it try at once.
        await kubectl('annotate', 'statefulset', 'db', '--overwrite', `wake=${Date.now()}`);
        expect(await kubectl('get', 'pods', '-l', 'app=db', '-o', 'name')).not.toBe('');
      },
      { within: 240_000, every: 500 },
    );
    const next = await untilRunning('db');
    expect(processesOf(first)).toEqual([]);
    expect(writtenMacs(next)).toEqual(writtenMacs(first));
  }, 600_000);
});
