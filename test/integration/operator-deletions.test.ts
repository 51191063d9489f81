import { describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import {
  addressesOf,
  aPod,
  auditOf,
  installedEnvOfThisFile,
  shownAllocations,
  untilNoAllocations,
} from './installed-env.ts';

const installed = installedEnvOfThisFile();

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

/** Creates a pod and waits until its mirror has the address. Returns the address. */
async function createBoundPod(name: string, annotations: Record<string, string> = {}): Promise<string> {
  await kubectl(['create', '-f', '-'], aPod(name, { networks: 'blue', annotations }));
  const address = (await addressesOf(installed().plane, name))[0]?.mac ?? '';
  await eventually(
    async () => {
      const shown = (await shownAllocations(installed().plane)).map(({ mac }) => mac);
      if (!shown.includes(address)) throw new Error(`${name} has no mirror yet`);
    },
    { within: 20_000, every: 100 },
  );
  return address;
}

async function expectReleasedOnce(address: string): Promise<void> {
  expect((await findByMac(installed().ledger, mac(address)))?.state).toBe('released');
  const actions = (await auditOf(installed().ledger, address)).map(({ action }) => action);
  expect(actions).toEqual(['allocate', 'bind', 'release']);
}

describe('the address of a pod is released once when the pod is deleted', () => {
  test.each([
    ['in the background', ['--cascade=background']],
    ['in the foreground, which is not delayed by rock-mac', ['--cascade=foreground', '--timeout=10s']],
    ['with an orphaned mirror', ['--cascade=orphan']],
    ['by force', ['--force', '--grace-period=0']],
  ])('%s', async (_, how) => {
    const address = await createBoundPod('leaving');
    await kubectl(['delete', 'pod', 'leaving', ...how]);
    await untilNoAllocations(installed().plane);
    await expectReleasedOnce(address);
  });

  test('together with its Deployment', async () => {
    const pod = JSON.parse(aPod('unnamed', { networks: 'blue' })) as {
      metadata: { annotations: Record<string, string> };
      spec: object;
    };
    const labels = { app: 'many' };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'many' },
      spec: {
        replicas: 3,
        selector: { matchLabels: labels },
        template: { metadata: { labels, annotations: pod.metadata.annotations }, spec: pod.spec },
      },
    };
    await kubectl(['create', '-f', '-'], JSON.stringify(deployment));
    const addresses = await eventually(
      async () => {
        const shown = (await shownAllocations(installed().plane)).flatMap(({ mac }) => mac ?? []);
        expect(shown).toHaveLength(3);
        return shown;
      },
      { within: 30_000, every: 200 },
    );
    await kubectl(['delete', 'deployment', 'many', '--cascade=foreground', '--timeout=30s']);
    await untilNoAllocations(installed().plane);
    for (const address of addresses) await expectReleasedOnce(address);
  });
});

test('a new pod of the same name gets an address of its own, and the old address is released', async () => {
  const before = await createBoundPod('again');
  await kubectl(['delete', 'pod', 'again', '--force', '--grace-period=0']);
  const after = await createBoundPod('again');
  expect(after).not.toBe(before);
  await eventually(() => expectReleasedOnce(before), { within: 20_000, every: 100 });
  expect((await findByMac(installed().ledger, mac(after)))?.state).toBe('active');
  await kubectl(['delete', 'pod', 'again']);
  await untilNoAllocations(installed().plane);
});
