import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { macOf } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { mac as parsedMac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { createNode, type HandMadeNode, SLOW_LEASE, stayInContact } from '../integration/hand-made-node.ts';
import { addressesOf, installedEnvOfThisFile } from '../integration/installed-env.ts';

/*
 * A node is not reachable, and somebody deletes the pods of a StatefulSet on it by force. The containers may run on with their sticky
 * addresses, so the next pods of these names are refused. The nodes have no kubelet: on real nodes, see force-deletion.test.ts.
 */

const installed = installedEnvOfThisFile();
const kubectl = (...args: readonly string[]) => installed().plane.kubectl(args);
const operator = () => installed().installation.operators.at(-1);

interface Scene {
  readonly node: HandMadeNode;
  readonly set: string;
  /** The only pod of the set. */
  readonly pod: string;
  readonly mac: string;
}

/** Creates a node, and a StatefulSet with one pod on it. Waits until the sticky claim shows the pod's address. */
async function aStickyPod(name: string): Promise<Scene> {
  const node = await createNode(installed().plane, `node-${name}`, SLOW_LEASE);
  const labels = { app: name };
  const annotations = {
    [ANNOTATIONS.inject]: 'true',
    [ANNOTATIONS.sticky]: 'true',
    'k8s.v1.cni.cncf.io/networks': 'blue',
  };
  const template = {
    metadata: { labels, annotations },
    spec: { nodeName: node.name, containers: [{ name: 'main', image: 'example.invalid/none' }] },
  };
  const spec = { replicas: 1, serviceName: name, selector: { matchLabels: labels }, template };
  const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name }, spec };
  await installed().plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(set) });
  const pod = `${name}-0`;
  const mac = await untilAddressOf(pod);
  await eventually(
    async () => {
      expect((await stickyClaimOf(pod)).mac).toBe(mac);
    },
    { within: 20_000 },
  );
  return { node, set: name, pod, mac };
}

async function untilAddressOf(pod: string, within = 60_000): Promise<string> {
  return await eventually(
    async () => {
      const [address] = await addressesOf(installed().plane, pod);
      if (address === undefined) throw new Error(`${pod} has no address`);
      return address.mac;
    },
    { within, every: 200 },
  );
}

async function stickyClaimOf(pod: string) {
  const text = await kubectl('get', 'macallocations', '-o', 'json');
  const { items } = z.object({ items: z.array(macAllocations.schema) }).parse(JSON.parse(text));
  const claim = items.find(({ spec }) => spec.stickyFor?.name === pod);
  if (claim === undefined) throw new Error(`${pod} has no sticky claim`);
  const unreachable = claim.status?.conditions?.find(({ type }) => type === 'ConsumerUnreachable');
  return { name: claim.metadata.name, mac: macOf(claim), unreachable };
}

const untilMarked = (pod: string) =>
  eventually(
    async () => {
      const { unreachable } = await stickyClaimOf(pod);
      expect(unreachable?.status).toBe('True');
      return unreachable?.message ?? '';
    },
    { within: 30_000, every: 200 },
  );

/** Waits until the ledger has the mark, which the sticky claim shows first. */
const untilInLedger = (scene: Scene) =>
  eventually(
    async () => {
      const row = await findByMac(installed().ledger, parsedMac(scene.mac));
      expect(row?.unreachableNode).toBe(scene.node.name);
    },
    { within: 40_000, every: 200 },
  );

const uidOf = (pod: string) => kubectl('get', 'pod', pod, '--ignore-not-found', '-o', 'jsonpath={.metadata.uid}');

/** Deletes the pod by force, and expects that the controller cannot make the next one. */
async function deleteByForce({ pod, set }: Scene): Promise<void> {
  await kubectl('delete', 'pod', pod, '--force', '--grace-period=0');
  await eventually(
    async () => {
      const events = ['get', 'events', `--field-selector=reason=FailedCreate,involvedObject.name=${set}`];
      expect(await kubectl(...events, '-o', 'jsonpath={.items[*].message}')).toContain('ConsumerUnreachable');
    },
    { within: 20_000, every: 200 },
  );
  expect(await uidOf(pod)).toBe('');
}

/** The controller waits longer after each refusal. A change of the set makes it try at once. */
async function untilBackWithItsAddress({ pod, set, mac }: Scene): Promise<void> {
  await eventually(
    async () => {
      await kubectl('annotate', 'statefulset', set, '--overwrite', `wake=${String(Date.now())}`);
      expect(await uidOf(pod)).not.toBe('');
    },
    { within: 60_000, every: 500 },
  );
  expect(await untilAddressOf(pod)).toBe(mac);
}

const isUnmarked = async (pod: string) => (await stickyClaimOf(pod)).unreachable?.status !== 'True';

/** Waits until the sticky claim does not say any more that the address may be in use. */
const untilUnmarked = (pod: string) =>
  eventually(
    async () => {
      expect(await isUnmarked(pod)).toBe(true);
    },
    { within: 30_000, every: 200 },
  );

const ends: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  'its node was Ready again for a while': async ({ node, pod }) => {
    await node.setReady('True');
    await stayInContact(node, () => isUnmarked(pod));
  },
  'its node is said to be out of service': async ({ node, pod }) => {
    await kubectl('taint', 'node', node.name, 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute');
    await untilUnmarked(pod);
  },
  'its Node is deleted': async ({ node, pod }) => {
    await kubectl('delete', 'node', node.name);
    await untilUnmarked(pod);
  },
  'a person says that it has ended': async ({ pod, node }) => {
    const { name } = await stickyClaimOf(pod);
    await kubectl('annotate', 'macallocation', name, `${ANNOTATIONS.consumerEnded}=${node.name}`);
  },
};

describe('the sticky address of a pod on a node that is not reachable', () => {
  test.each(Object.entries(ends))('is refused to the next pod of the name until %s', async (how, end) => {
    const scene = await aStickyPod(`until-${String(Object.keys(ends).indexOf(how))}`);
    await scene.node.setReady('Unknown');
    expect(await untilMarked(scene.pod)).toContain(`${ANNOTATIONS.consumerEnded}=${scene.node.name}`);
    await deleteByForce(scene);
    await end(scene);
    await untilBackWithItsAddress(scene);
  });

  test('is refused although the operator was killed before the node was lost, once one runs again', async () => {
    const scene = await aStickyPod('without-operator');
    await operator()?.kill();
    await scene.node.setReady('False');
    await installed().installation.startOperator();
    await untilMarked(scene.pod);
    await untilInLedger(scene);
    await operator()?.kill();
    // No operator runs from here on: the ledger has the mark.
    await deleteByForce(scene);
    await installed().installation.startOperator();
    await scene.node.setReady('True');
    await stayInContact(scene.node, () => isUnmarked(scene.pod));
    await untilBackWithItsAddress(scene);
  });

  test('is refused only because of its own node', async () => {
    const [lost, well] = [await aStickyPod('lost'), await aStickyPod('well')];
    await lost.node.setReady('Unknown');
    await untilMarked(lost.pod);
    await well.node.renewLease(10); // or its own silence would make it unknown, too
    const before = await uidOf(well.pod);
    // Its controller makes it again. A pod that was deleted by force would be waited for on its own node.
    await kubectl('patch', 'pod', well.pod, '--subresource=status', '-p', '{"status":{"phase":"Failed"}}');
    await eventually(
      async () => {
        expect(['', before]).not.toContain(await uidOf(well.pod));
      },
      { within: 20_000 },
    );
    await untilBackWithItsAddress(well);
  });

  test('is refused although the ledger is away, because the sticky claim says so', async () => {
    const scene = await aStickyPod('without-ledger');
    await scene.node.setReady('Unknown');
    await untilMarked(scene.pod);
    await installed().ledgerProxy.cut();
    await kubectl('delete', 'pod', scene.pod, '--force', '--grace-period=0');
    // The next pod waits for the ledger without an address, and does not get one when the ledger is back either.
    await sleep(10_000);
    expect(await addressesOrNone(scene.pod)).toEqual([]);
    await installed().ledgerProxy.heal();
    await sleep(10_000);
    expect(await addressesOrNone(scene.pod)).toEqual([]);
    await scene.node.setReady('True');
    await stayInContact(scene.node, () => isUnmarked(scene.pod));
    await untilBackWithItsAddress(scene);
  });

  test('is refused although the ledger was away before the node was lost, and the ledger learns it when it is back', async () => {
    const scene = await aStickyPod('after-ledger');
    await installed().ledgerProxy.cut();
    await scene.node.setReady('Unknown');
    await untilMarked(scene.pod);
    await kubectl('delete', 'pod', scene.pod, '--force', '--grace-period=0');
    await sleep(10_000);
    expect(await addressesOrNone(scene.pod)).toEqual([]);
    await installed().ledgerProxy.heal();
    await untilInLedger(scene);
    expect(await addressesOrNone(scene.pod)).toEqual([]);
    await scene.node.setReady('True');
    await stayInContact(scene.node, () => isUnmarked(scene.pod));
    await untilBackWithItsAddress(scene);
  });
});

async function addressesOrNone(pod: string) {
  return (await uidOf(pod)) === '' ? [] : await addressesOf(installed().plane, pod);
}
