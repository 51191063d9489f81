import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, installedEnvOfThisFile, untilReason } from './installed-env.ts';

/*
 * 900 claims with 250 KB of annotations once exceeded the operator's memory limit after every start. It cached every claim
 * whole, and a user with `edit` in one namespace could create them.
 */

const installed = installedEnvOfThisFile();

let operator: KubeClient;

beforeAll(async () => {
  const kubeconfig = await installed().plane.serviceAccountKubeconfig('rock-mac-system', 'rock-mac-operator');
  operator = createKubeClient({ userAgent: 'test', kubeconfig, logger: pino({ enabled: false }) });
});

afterAll(async () => {
  await operator.close();
});

function claimWith(name: string, metadata: object): string {
  const claim = JSON.parse(aClaim(name, { pool: 'experiment' })) as { metadata: object };
  return JSON.stringify({ ...claim, metadata: { ...claim.metadata, ...metadata } });
}

async function create(name: string, metadata: object): Promise<string> {
  return await installed().plane.kubectl(['create', '-f', '-'], { input: claimWith(name, metadata) });
}

/** Repeats a create until it is refused. The API server watches policies, so it may not know them yet at the first create. */
async function untilRefused(name: string, metadata: object, why: RegExp): Promise<void> {
  const { kubectl } = installed().plane;
  await eventually(
    async () => {
      await expect(create(name, metadata)).rejects.toThrow(why);
    },
    { within: 20_000, every: 200 },
  ).finally(() => kubectl(['delete', 'macallocation', name, '--ignore-not-found']));
}

test('a claim with more than 32 KiB of labels and annotations is refused, and the message has the limit', async () => {
  await untilRefused('big', { annotations: { a: 'x'.repeat(250_000) } }, /may have 32768 characters, not 250001/);
  const labels = Object.fromEntries(
    Array.from({ length: 600 }, (_, index) => [`label-${String(index)}`, 'x'.repeat(60)]),
  );
  await untilRefused('labelled', { labels }, /may have 32768 characters/);
});

test('a claim with many finalizers or owner references is refused', async () => {
  const finalizers = Array.from({ length: 17 }, (_, index) => `example.com/f${String(index)}`);
  await untilRefused('finalized', { finalizers }, /may have 16 finalizers/);
  const ownerReferences = Array.from({ length: 17 }, (_, index) => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', name: `c${String(index)}`, uid: `u${String(index)}` },
  }));
  await untilRefused('owned', { ownerReferences }, /may have 16 ownerReferences/);
});

test('a claim cannot grow too large by an update', async () => {
  const { plane } = installed();
  await create('grows', { annotations: { note: 'x'.repeat(30_000) } });
  await untilReason(plane, 'grows', 'Allocated');
  const patch = JSON.stringify({ metadata: { annotations: { more: 'x'.repeat(5_000) } } });
  await expect(plane.kubectl(['patch', 'macallocation', 'grows', '--type=merge', '-p', patch])).rejects.toThrow(
    /may have 32768 characters, not 350/,
  );
});

test('a stored claim that is too large gets its address and can be deleted', async () => {
  const { plane } = installed();
  await operator.create(macAllocations, {
    metadata: { namespace: 'default', name: 'old', annotations: { a: 'x'.repeat(200_000) } },
    spec: { pool: 'experiment' },
  });
  await untilReason(plane, 'old', 'Allocated');
  await plane.kubectl(['annotate', 'macallocation', 'old', 'a=x', '--overwrite']);
  await plane.kubectl(['delete', 'macallocation', 'old', '--timeout=30s']);
});
