import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { aDeployment, apply, nodeEnvOfThisSuite, noNodes, skippedBecause } from '../node/node-env.ts';
import { linksOf, podsOf, untilOnTheWire, type WiredPod, writtenMacs } from '../node/wire.ts';

/*
 * Outages of a real node, of the ledger and of rock-mac itself, while pods run and are created. Afterwards the links of every
 * pod have exactly the addresses of the ledger.
 */

const PODS = 4;
const found = ['-l', 'app=web'];
const wire = { pods: PODS, each: 2, within: 150_000 };

describe.skipIf(noNodes !== undefined)(`outages on a real node${skippedBecause}`, () => {
  const env = nodeEnvOfThisSuite({ webhooks: 2 });
  const kubectl = (...args: string[]) => env().plane.kubectl(args);
  const restart = () => kubectl('rollout', 'restart', 'deployment/web');

  beforeAll(async () => {
    await apply(env(), aDeployment('web', { networks: 'blue,red', replicas: PODS }));
    await untilOnTheWire(env(), found, wire);
  });

  const addressesByPod = (pods: readonly WiredPod[]) =>
    Object.fromEntries(pods.map((pod) => [pod.metadata.uid, writtenMacs(pod)]));

  test('a kubelet that is away for a minute changes no address', async () => {
    const before = addressesByPod(await podsOf(env(), ...found));
    const { kubelet } = env().nodes.first;
    await kubelet.kill();
    await sleep(60_000);
    for (const pod of await podsOf(env(), ...found)) {
      expect(Object.values(await linksOf(pod))).toEqual(expect.arrayContaining(writtenMacs(pod)));
    }
    await kubelet.start();
    expect(addressesByPod(await untilOnTheWire(env(), found, wire))).toEqual(before);
  });

  test('after a reboot of the node the same pods have the same addresses on new links', async () => {
    const pods = await podsOf(env(), ...found);
    await env().nodes.first.reboot();
    const after = await untilOnTheWire(env(), found, wire);
    expect(addressesByPod(after)).toEqual(addressesByPod(pods));
  });

  test('pods that are created while the ledger is away get their addresses when it is back', async () => {
    const { postgres } = env().testEnv;
    await postgres.stop();
    await kubectl('scale', 'deployment/web', `--replicas=${PODS * 2}`);
    await sleep(20_000);
    const waiting = (await podsOf(env(), ...found)).filter((pod) => writtenMacs(pod).length === 0);
    expect(waiting.map(({ status }) => status.phase)).toEqual(Array.from({ length: PODS }, () => 'Pending'));
    await postgres.start();
    await untilOnTheWire(env(), found, { ...wire, pods: PODS * 2 });
    await kubectl('scale', 'deployment/web', `--replicas=${PODS}`);
    await untilOnTheWire(env(), found, wire);
  });

  test('a rollout completes although the operator is killed in it', async () => {
    const [operator] = env().installation.operators;
    await restart();
    await operator?.kill();
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=120s');
    await env().installation.startOperator();
    await untilOnTheWire(env(), found, wire);
  });

  test('a rollout completes although one of two webhooks is killed in it', async () => {
    const [webhook] = env().installation.webhooks;
    await restart();
    await webhook?.kill();
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=120s');
    await untilOnTheWire(env(), found, wire);
  });

  test('a rollout completes after an outage of every webhook, once the ReplicaSets are changed', async () => {
    await restart();
    await Promise.all(env().installation.webhooks.map((webhook) => webhook.kill()));
    await sleep(20_000);
    await env().installation.startWebhook();
    // Without it the controller would wait for minutes: see docs/troubleshooting.md.
    await kubectl('annotate', 'replicaset', '--all', '--overwrite', 'wake=up');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    await untilOnTheWire(env(), found, wire);
  });
});
