import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { adopt } from '../../ledger/address/adopt.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { release } from '../../ledger/address/release.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { mac, type MacAddress, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile, shownAllocations, untilNoAllocations } from '../integration/installed-env.ts';

// Manifests name their addresses here, so the operator runs without the webhook.
const installed = installedEnvOfThisFile({ webhooks: 0, adopt: 'kubernetes', env: { ROCK_MAC_RESYNC_SECONDS: '1' } });

beforeAll(async () => {
  await installed().plane.kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '--all']);
});

async function createPodWithAddress(name: string, address: string): Promise<void> {
  const annotations = { 'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'blue', mac: address }]) };
  const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, annotations }, spec });
  await installed().plane.kubectl(['create', '-f', '-'], { input });
}

async function removePods(...names: string[]): Promise<void> {
  await installed().plane.kubectl(['delete', 'pod', ...names, '--grace-period=0', '--force']);
}

async function stateOf(address: string): Promise<string | undefined> {
  return (await findByMac(installed().ledger, mac(address)))?.state;
}

async function waitUntil(what: string, holds: () => Promise<boolean>, within = 20_000): Promise<void> {
  await eventually(
    async () => {
      if (!(await holds())) throw new Error(`not yet: ${what}`);
    },
    { within, every: 100 },
  );
}

async function sql(text: string): Promise<void> {
  await installed().ledger.connections.query(text);
}

/** Adopts addresses for pods that were never stored. A crash could leave such rows in the ledger. */
async function adoptForAbsentPods(count: number, first: string): Promise<readonly MacAddress[]> {
  const { ledger } = installed();
  const [cluster] = await listClusters(ledger);
  const clusterId = cluster?.clusterId ?? '';
  const macs = Array.from({ length: count }, (_, index) => numberToMac(macToNumber(mac(first)) + index));
  const outcomes = await adopt(
    ledger,
    macs.map((each) => {
      const owner = { clusterId, kind: 'Pod', namespace: 'default', name: 'ghost', uid: `ghost-${each}`, nic: 'eth0' };
      return { mac: each, key: boundKey({ ...owner, mac: each }), owner, requester: 'test' };
    }),
    'test',
  );
  expect(outcomes.filter(({ outcome }) => outcome === 'adopted')).toHaveLength(count);
  return macs;
}

/** Waits until a resync has marked all addresses as missing. Then sets that time back by 25 hours. */
async function makeMissingForADay(macs: readonly MacAddress[]): Promise<void> {
  const { ledger } = installed();
  const addresses = macs.map(macToNumber).join(',');
  await waitUntil('marked as missing', async () => {
    const rows = await ledger.query({
      text: `select count(*)::int as count from rock_mac.addresses where missing_since is not null and addr in (${addresses})`,
      values: [],
      row: z.object({ count: z.number() }),
    });
    return rows[0]?.count === macs.length;
  });
  await sql(
    `update rock_mac.addresses set missing_since = missing_since - interval '25 hours' where addr in (${addresses})`,
  );
}

async function readHeldReason(): Promise<string> {
  const path = '{.status.conditions[?(@.type=="AutoReleaseHeld")].reason}';
  return await installed().plane.kubectl(['get', 'macpool', 'kubernetes', '-o', `jsonpath=${path}`]);
}

async function approve(count: number): Promise<void> {
  await installed().plane.kubectl(['annotate', 'macpool', 'kubernetes', `mac.rock-os.io/approve-release=${count}`]);
}

async function waitUntilAllReleased(macs: readonly MacAddress[]): Promise<void> {
  await waitUntil('all released', async () =>
    (await Promise.all(macs.map(stateOf))).every((state) => state === 'released'),
  );
}

describe('a pod of a tenant with an address of another namespace', () => {
  test('does not end the resync, and its name is not published in the other namespace', async () => {
    const { plane, ledger } = installed();
    const address = 'a4:58:0f:05:21:01';
    await createPodWithAddress('mine', address);
    await waitUntil('adopted', async () => (await stateOf(address)) === 'active');
    await plane.kubectl(['create', 'namespace', 'secret']);
    // 200 interfaces and the longest name once made a condition that was too long for the API server.
    const name = ['x', 'y', 'z', 'w'].map((letter) => letter.repeat(60)).join('.');
    const networks = JSON.stringify(Array.from({ length: 200 }, () => ({ name: 'n', mac: address })));
    const metadata = { name, namespace: 'secret', annotations: { 'k8s.v1.cni.cncf.io/networks': networks } };
    const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
    await plane.kubectl(['create', '-f', '-'], { input });

    let message = '';
    await waitUntil('the conflict is published', async () => {
      const [mirror] = await shownAllocations(plane);
      message = mirror?.status?.conditions.find(({ type }) => type === 'Conflict')?.message ?? '';
      return message !== '';
    });
    expect(message).toBe('1 object of other namespaces also uses this address. Give one of them another address');
    const lastResync = async () => (await listClusters(ledger))[0]?.lastResyncAt?.getTime() ?? 0;
    const before = await lastResync();
    await waitUntil('the next resync ended', async () => (await lastResync()) > before);

    await plane.kubectl(['delete', 'namespace', 'secret', '--wait=false']);
    await plane.kubectl(['delete', 'pod', name, '-n', 'secret', '--grace-period=0', '--force']);
    await removePods('mine');
    await untilNoAllocations(plane);
  });
});

describe('an address that two pods use', () => {
  test('is reported on its mirror, by an Event on the other pod and in a metric, and changed on neither pod', async () => {
    const { plane, installation, ledger } = installed();
    const address = 'a4:58:0f:05:20:01';
    await createPodWithAddress('one', address);
    await waitUntil('adopted', async () => (await stateOf(address)) === 'active');
    await createPodWithAddress('two', address);
    await plane.kubectl([
      ...['wait', '--for=jsonpath={.status.conditions[?(@.type=="Conflict")].status}=True', 'macallocation', '--all'],
      '--timeout=20s',
    ]);
    const [mirror] = await shownAllocations(plane);
    const conflict = mirror?.status?.conditions.find(({ type }) => type === 'Conflict');
    expect(conflict).toMatchObject({
      reason: 'AddressShared',
      message: expect.stringContaining('Pod default/two') as string,
    });
    expect(mirror?.spec.consumerRef?.name).toBe('one');
    expect(await findByMac(ledger, mac(address))).toMatchObject({ generation: 1, owner: { name: 'one' } });
    const conflicts = () => installation.operators[0]?.metric('rockmac_conflicts');
    await waitUntil('counted', async () => (await conflicts()) === 2);
    await waitUntil('an Event about the second pod', async () => {
      const args = [
        'get',
        'events.events.k8s.io',
        '--field-selector=regarding.name=two',
        '-o',
        'jsonpath={.items[*].reason}',
      ];
      return (await plane.kubectl(args)).split(' ').includes('AddressConflict');
    });

    await removePods('two');
    await plane.kubectl([
      ...[
        'wait',
        '--for=jsonpath={.status.conditions[?(@.type=="Conflict")].reason}=Resolved',
        'macallocation',
        '--all',
      ],
      '--timeout=20s',
    ]);
    await waitUntil('no longer counted', async () => (await conflicts()) === 0);
    await removePods('one');
    await untilNoAllocations(plane);
  });

  test('gets the second pod as its owner when the first is deleted', async () => {
    const { plane, ledger } = installed();
    const address = 'a4:58:0f:05:20:02';
    await createPodWithAddress('former', address);
    await waitUntil('adopted', async () => (await stateOf(address)) === 'active');
    await createPodWithAddress('latter', address);
    await removePods('former');
    await waitUntil('adopted again', async () => {
      const row = await findByMac(ledger, mac(address));
      return row?.state === 'active' && row.owner?.name === 'latter' && row.generation === 2;
    });
    await removePods('latter');
    await untilNoAllocations(plane);
  });
});

test('an address goes to the pod that uses it, when the owner that a restored backup names has been missing for a day', async () => {
  const { plane, ledger, installation } = installed();
  const address = mac('a4:58:0f:05:20:05');
  await createPodWithAddress('heir', address);
  await waitUntil('adopted', async () => (await stateOf(address)) === 'active');
  await waitUntil('mirrored', async () => (await shownAllocations(plane))[0]?.mac === address);
  await Promise.all(installation.operators.map((operator) => operator.kill()));
  const row = await findByMac(ledger, address);
  if (row === undefined) throw new Error('the ledger has no row');
  await release(ledger, [row], { actor: 'test', reason: 'test' });
  await adoptForAbsentPods(1, address);
  await installation.startOperator();

  await makeMissingForADay([address]);
  await waitUntil('adopted by its user', async () => {
    const { state, owner } = (await findByMac(ledger, address)) ?? {};
    return state === 'active' && owner?.name === 'heir';
  });
  await removePods('heir');
  await untilNoAllocations(plane);
});

test('addresses of pods that were deleted while no operator ran are released by the next operator', async () => {
  const { plane, installation } = installed();
  const addresses = ['a4:58:0f:05:20:03', 'a4:58:0f:05:20:04'];
  await Promise.all(addresses.map((address, index) => createPodWithAddress(`lost-${String(index)}`, address)));
  await waitUntil('two mirrors', async () => (await shownAllocations(plane)).length === 2);
  await Promise.all(installation.operators.map((operator) => operator.kill()));
  await removePods('lost-0', 'lost-1');
  await installation.startOperator();
  await untilNoAllocations(plane);
  expect(await Promise.all(addresses.map(stateOf))).toEqual(['released', 'released']);
});

describe('addresses whose owners have been missing for a day', () => {
  test('are released, except one whose pod exists and only lost its annotation', async () => {
    const { plane } = installed();
    const living = mac('a4:58:0f:05:21:10');
    await createPodWithAddress('edited', living);
    await waitUntil('adopted', async () => (await stateOf(living)) === 'active');
    await plane.kubectl(['annotate', 'pod', 'edited', 'k8s.v1.cni.cncf.io/networks-']);
    const absent = await adoptForAbsentPods(3, 'a4:58:0f:05:21:00');
    await makeMissingForADay([...absent, living]);
    await waitUntilAllReleased(absent);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await stateOf(living)).toBe('active');
    await removePods('edited');
    // The deletion does not enqueue this mirror any more. All mirrors are reconciled only every ten minutes.
    await sql(`update rock_mac.addresses set missing_since = null where addr = ${String(macToNumber(living))}`);
  });

  test('are held if they are many, until that many are approved', async () => {
    const { plane } = installed();
    const macs = await adoptForAbsentPods(60, 'a4:58:0f:05:22:00');
    await makeMissingForADay(macs);
    await waitUntil('held', async () => (await readHeldReason()) === 'TooMany');
    await approve(10);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await stateOf(macs[0] ?? '')).toBe('active');
    await plane.kubectl(['annotate', 'macpool', 'kubernetes', 'mac.rock-os.io/approve-release-']);
    await approve(70);
    await waitUntilAllReleased(macs);
    await waitUntil('no longer held', async () => ['Approved', 'NothingToRelease'].includes(await readHeldReason()));
    const left = await plane.kubectl(['get', 'macpool', 'kubernetes', '-o', 'jsonpath={.metadata.annotations}']);
    expect(left).not.toContain('approve-release');
  });

  test('are held after an hour without a resync, until an approval', async () => {
    const { installation } = installed();
    const macs = await adoptForAbsentPods(2, 'a4:58:0f:05:23:00');
    await waitUntil(
      'marked',
      async () => (await findByMac(installed().ledger, macs[1] ?? mac('')))?.missingSince !== undefined,
    );
    await Promise.all(installation.operators.map((operator) => operator.kill()));
    await sql(`update rock_mac.clusters set last_resync_at = last_resync_at - interval '2 hours'`);
    await makeMissingForADay(macs);
    await installation.startOperator();
    await waitUntil('held', async () => (await readHeldReason()) === 'ResyncsMissing');
    await waitUntil('still held a resync later', async () => (await readHeldReason()) === 'StillHeld');
    await approve(2);
    await waitUntilAllReleased(macs);
  });
});
