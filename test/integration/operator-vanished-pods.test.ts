import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/names.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { createNode, type HandMadeNode } from './hand-made-node.ts';
import { aClaim, aPod, installedEnvOfThisFile, shownAllocations, untilReason } from './installed-env.ts';

/*
 * Claims of pods that were deleted by force, on nodes without a kubelet: the tests write what a kubelet writes. On a real node:
 * test/faults/force-deletion.test.ts.
 */

const installed = installedEnvOfThisFile();
const kubectl = (args: readonly string[], input?: string) =>
  installed().plane.kubectl(args, input === undefined ? {} : { input });

/** The first words depend on whether the operator has published the reason. */
const REFUSED = /The address of claim \S+ is (?:in use|held)/;

interface Scene {
  readonly claim: string;
  readonly pod: string;
  readonly node: HandMadeNode;
  readonly uid: string;
}

/** Creates a node, a claim, and a pod on that node that uses the claim. Waits until the status of the claim names the node. */
async function aPodWithClaim(): Promise<Scene> {
  const name = `s-${randomUUID().slice(0, 8)}`;
  const node = await createNode(installed().plane, `node-${name}`);
  await kubectl(['create', '-f', '-'], aClaim(name, { pool: 'production' }));
  await untilReason(installed().plane, name, 'Allocated');
  const pod = `${name}-first`;
  await createPod(pod, name, node.name);
  const path = '{.status.consumer.name} {.status.consumer.node} {.status.consumer.terminationGracePeriodSeconds}';
  await eventually(
    async () => {
      const shown = await kubectl(['get', 'macallocation', name, '-o', `jsonpath=${path}`]);
      expect(shown).toBe(`${pod} ${node.name} 30`);
    },
    { within: 20_000, every: 100 },
  );
  const uid = await kubectl(['get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}']);
  return { claim: name, pod, node, uid };
}

async function createPod(name: string, claim: string, nodeName?: string): Promise<void> {
  await kubectl(['create', '-f', '-'], aPod(name, { annotations: { [ANNOTATIONS.allocation]: claim }, nodeName }));
}

const deleteByForce = (pod: string) => kubectl(['delete', 'pod', pod, '--force', '--grace-period=0']);

const boundOf = async (claim: string) => {
  const found = (await shownAllocations(installed().plane)).find(({ metadata }) => metadata.name === claim);
  return found?.status?.conditions.find(({ type }) => type === 'Bound');
};

const untilBound = (claim: string, reason: string, within = 15_000) =>
  eventually(
    async () => {
      const bound = await boundOf(claim);
      expect(bound?.reason).toBe(reason);
      return bound;
    },
    { within, every: 100 },
  );

/** Expects that another pod gets the claim at once. */
async function expectFree({ claim }: Scene): Promise<void> {
  await untilBound(claim, 'NotInUse');
  await createPod(`${claim}-next`, claim);
}

describe('a claim whose pod was deleted by force', () => {
  test('is refused to the next pod, with the reason, until the kubelet has reported for a while', async () => {
    const scene = await aPodWithClaim();
    const { claim, pod, node, uid } = scene;
    await deleteByForce(pod);
    await expect(createPod(`${claim}-at-once`, claim)).rejects.toThrow(REFUSED);
    const bound = await untilBound(claim, 'ConsumerUnreachable');
    expect(bound).toMatchObject({ status: 'Unknown' });
    expect(bound?.message).toMatch(new RegExp(`^Pod ${pod} .* node ${node.name}\\..*consumer-ended=${uid}$`));
    await expect(createPod(`${claim}-later`, claim)).rejects.toThrow(/is held for .* may still run/);
    const events = ['get', 'events', `--field-selector=reason=ConsumerUnreachable,involvedObject.name=${claim}`];
    await eventually(async () => {
      expect(await kubectl([...events, '-o', 'name'])).not.toBe('');
    });
    for (let renewal = 0; renewal < 3; renewal++) {
      expect((await boundOf(claim))?.reason).toBe('ConsumerUnreachable');
      await node.renewLease(10);
      await sleep(10_000);
    }
    await node.renewLease(10);
    await expectFree(scene);
  });

  test('is held for longer when the kubelet returns after a silence', async () => {
    const { claim, pod, node } = await aPodWithClaim();
    await deleteByForce(pod);
    await untilBound(claim, 'ConsumerUnreachable');
    await node.renewLease(60);
    await sleep(5_000);
    for (let renewal = 0; renewal < 3; renewal++) {
      await node.renewLease(10);
      await sleep(10_000);
    }
    await expect(createPod(`${claim}-later`, claim)).rejects.toThrow(REFUSED);
  });

  test('is held although no operator ran when the pod vanished', async () => {
    const { claim, pod } = await aPodWithClaim();
    await Promise.all(installed().installation.operators.map((operator) => operator.kill()));
    await deleteByForce(pod);
    await installed().installation.startOperator();
    await untilBound(claim, 'ConsumerUnreachable', 30_000);
  });

  test.each([
    ['its Node is deleted', ({ node }: Scene) => kubectl(['delete', 'node', node.name])],
    [
      'its Node is declared off',
      ({ node }: Scene) =>
        kubectl(['taint', 'node', node.name, 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute']),
    ],
    [
      'a person knows that this very pod has ended',
      async ({ claim, uid }: Scene) => {
        const annotate = (value: string) =>
          kubectl(['annotate', '--overwrite', 'macallocation', claim, `mac.rock-os.io/consumer-ended=${value}`]);
        await annotate('another');
        await sleep(4_000);
        expect((await boundOf(claim))?.reason).toBe('ConsumerUnreachable');
        await annotate(uid);
      },
    ],
  ])('is free when %s', async (_, act) => {
    const scene = await aPodWithClaim();
    await deleteByForce(scene.pod);
    await untilBound(scene.claim, 'ConsumerUnreachable');
    await act(scene);
    await expectFree(scene);
  });

  test('is not released when it is deleted, before its pod has ended', async () => {
    const { claim, pod, node } = await aPodWithClaim();
    await deleteByForce(pod);
    await kubectl(['delete', 'macallocation', claim, '--wait=false']);
    await eventually(
      async () => {
        const { status } = await untilReason(installed().plane, claim, 'ReleaseBlocked');
        const message = status?.conditions.find(({ type }) => type === 'Ready')?.message;
        expect(message).toMatch(new RegExp(`^The claim is deleted, but Pod ${pod} .* may still run on node`));
      },
      { within: 15_000, every: 200 },
    );
    await kubectl(['delete', 'node', node.name]);
    await kubectl(['wait', '--for=delete', `macallocation/${claim}`, '--timeout=20s']);
  });
});

describe('a claim is free within two seconds', () => {
  test('when the kubelet reports the last phase of its pod, before it deletes the pod', async () => {
    const { claim, pod } = await aPodWithClaim();
    await kubectl(['patch', 'pod', pod, '--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Failed"}}']);
    await untilBound(claim, 'NotInUse', 2_000);
    await createPod(`${claim}-next`, claim);
    await deleteByForce(pod);
  });

  test('when its pod is deleted before it has a node', async () => {
    const { claim, pod } = await aPodWithClaim();
    await kubectl(['patch', 'pod', pod, '--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Failed"}}']);
    await untilBound(claim, 'NotInUse');
    await createPod(`${claim}-next`, claim);
    await untilBound(claim, 'InUse');
    await kubectl(['delete', 'pod', `${claim}-next`]);
    await untilBound(claim, 'NotInUse', 2_000);
  });
});

describe('an address that the template of its pods writes', () => {
  const written = async (name: string, address: string, nodeName?: string) => {
    const networks = JSON.stringify([{ name: 'blue', mac: address }]);
    await kubectl(['create', '-f', '-'], aPod(name, { networks, nodeName }));
  };
  const untilRow = (address: string, wanted: object) =>
    eventually(
      async () => {
        expect(await findByMac(installed().ledger, mac(address))).toMatchObject(wanted);
      },
      { within: 15_000, every: 100 },
    );

  test('goes to the next pod at once if the end of the last one was seen, and else after the reuse delay', async () => {
    const address = 'a4:58:0f:05:77:01';
    const node = await createNode(installed().plane, 'node-written');
    await written('written-1', address, node.name);
    await untilRow(address, { state: 'active' });
    const failed = JSON.stringify({ status: { phase: 'Failed' } });
    await kubectl(['patch', 'pod', 'written-1', '--subresource=status', '--type=merge', '-p', failed]);
    await deleteByForce('written-1');
    await untilRow(address, { state: 'released' });
    await written('written-2', address, node.name);
    await untilRow(address, { state: 'active', owner: { name: 'written-2' } });
    await deleteByForce('written-2');
    await untilRow(address, { state: 'released' });
    await expect(written('written-3', address)).rejects.toThrow(/was released, and until .* only its last owner/);
    await expect(written('written-2', address)).rejects.toThrow(/was released, and until .* only its last owner/);
  });
});
