import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { adopt } from '../../ledger/address/adopt.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { mac, numberToMac, macToNumber, type MacAddress } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile, shownAllocations, untilNoAllocations } from '../integration/installed-env.ts';

// Addresses are named by who carries them, so that the operator is alone here with what is stored.
const installed = installedEnvOfThisFile({ webhooks: 0, env: { ROCK_MAC_RESYNC_SECONDS: '1' } });

beforeAll(async () => {
  await installed().plane.kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '--all']);
});

async function carry(name: string, address: string): Promise<void> {
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

async function until(what: string, holds: () => Promise<boolean>, within = 20_000): Promise<void> {
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

/** Rows of objects that nobody has ever stored, as a crash at the worst moment could leave them. */
async function ghosts(count: number, first: string): Promise<readonly MacAddress[]> {
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

/** Waits until a resync has missed them all, and lets a day pass for them. */
async function missForADay(macs: readonly MacAddress[]): Promise<void> {
  const { ledger } = installed();
  const addresses = macs.map(macToNumber).join(',');
  await until('marked as missing', async () => {
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

async function heldReason(): Promise<string> {
  const path = '{.status.conditions[?(@.type=="AutoReleaseHeld")].reason}';
  return await installed().plane.kubectl(['get', 'macpool', 'kubernetes', '-o', `jsonpath=${path}`]);
}

async function approve(count: number): Promise<void> {
  await installed().plane.kubectl(['annotate', 'macpool', 'kubernetes', `mac.rock-os.io/approve-release=${count}`]);
}

async function untilAllReleased(macs: readonly MacAddress[]): Promise<void> {
  await until('all released', async () =>
    (await Promise.all(macs.map(stateOf))).every((state) => state === 'released'),
  );
}

describe('a pod that a tenant makes to disturb', () => {
  test('neither ends the resync nor learns who has its address in another namespace', async () => {
    const { plane, ledger } = installed();
    const address = 'a4:58:0f:05:21:01';
    await carry('mine', address);
    await until('adopted', async () => (await stateOf(address)) === 'active');
    await plane.kubectl(['create', 'namespace', 'secret']);
    // 200 interfaces with the longest name once made a condition that the API server refused as too long.
    const name = ['x', 'y', 'z', 'w'].map((letter) => letter.repeat(60)).join('.');
    const networks = JSON.stringify(Array.from({ length: 200 }, () => ({ name: 'n', mac: address })));
    const metadata = { name, namespace: 'secret', annotations: { 'k8s.v1.cni.cncf.io/networks': networks } };
    const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
    await plane.kubectl(['create', '-f', '-'], { input });

    let message = '';
    await until('the conflict is published', async () => {
      const [mirror] = await shownAllocations(plane);
      message = mirror?.status?.conditions.find(({ type }) => type === 'Conflict')?.message ?? '';
      return message !== '';
    });
    expect(message).toBe('1 object of other namespaces also uses this address. Give one of them another address');
    const lastResync = async () => (await listClusters(ledger))[0]?.lastResyncAt?.getTime() ?? 0;
    const before = await lastResync();
    await until('the next resync ended', async () => (await lastResync()) > before);

    await plane.kubectl(['delete', 'namespace', 'secret', '--wait=false']);
    await plane.kubectl(['delete', 'pod', name, '-n', 'secret', '--grace-period=0', '--force']);
    await removePods('mine');
    await untilNoAllocations(plane);
  });
});

describe('an address that two pods carry', () => {
  test('is shown on its mirror, told to the one that has no right to it, counted, and changed on neither', async () => {
    const { plane, installation, ledger } = installed();
    const address = 'a4:58:0f:05:20:01';
    await carry('one', address);
    await until('adopted', async () => (await stateOf(address)) === 'active');
    await carry('two', address);
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
    await until('counted', async () => (await conflicts()) === 1);
    await until('an Event about the second pod', async () => {
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
    await until('counted no more', async () => (await conflicts()) === 0);
    await removePods('one');
    await untilNoAllocations(plane);
  });

  test('goes to the second when the first is gone', async () => {
    const { plane, ledger } = installed();
    const address = 'a4:58:0f:05:20:02';
    await carry('former', address);
    await until('adopted', async () => (await stateOf(address)) === 'active');
    await carry('latter', address);
    await removePods('former');
    await until('adopted again', async () => {
      const row = await findByMac(ledger, mac(address));
      return row?.state === 'active' && row.owner?.name === 'latter' && row.generation === 2;
    });
    await removePods('latter');
    await untilNoAllocations(plane);
  });
});

test('pods that went while no operator lived are released when one comes, the last of them included', async () => {
  const { plane, installation } = installed();
  const addresses = ['a4:58:0f:05:20:03', 'a4:58:0f:05:20:04'];
  await Promise.all(addresses.map((address, index) => carry(`lost-${String(index)}`, address)));
  await until('two mirrors', async () => (await shownAllocations(plane)).length === 2);
  await Promise.all(installation.operators.map((operator) => operator.kill()));
  await removePods('lost-0', 'lost-1');
  await installation.startOperator();
  await untilNoAllocations(plane);
  expect(await Promise.all(addresses.map(stateOf))).toEqual(['released', 'released']);
});

describe('addresses whose owners have been gone for a day', () => {
  test('are released, but not one whose object lives and only shows it no more', async () => {
    const { plane } = installed();
    const living = mac('a4:58:0f:05:21:10');
    await carry('edited', living);
    await until('adopted', async () => (await stateOf(living)) === 'active');
    await plane.kubectl(['annotate', 'pod', 'edited', 'k8s.v1.cni.cncf.io/networks-']);
    const gone = await ghosts(3, 'a4:58:0f:05:21:00');
    await missForADay([...gone, living]);
    await untilAllReleased(gone);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await stateOf(living)).toBe('active');
    await removePods('edited');
    // Its mirror is not among what is watched for this pod any more; a look at all of them comes every ten minutes.
    await sql(`update rock_mac.addresses set missing_since = null where addr = ${String(macToNumber(living))}`);
  });

  test('are held when they are many, until somebody approves just as many', async () => {
    const { plane } = installed();
    const macs = await ghosts(60, 'a4:58:0f:05:22:00');
    await missForADay(macs);
    await until('held', async () => (await heldReason()) === 'TooMany');
    await approve(10);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await stateOf(macs[0] ?? '')).toBe('active');
    await plane.kubectl(['annotate', 'macpool', 'kubernetes', 'mac.rock-os.io/approve-release-']);
    await approve(70);
    await untilAllReleased(macs);
    await until('let go', async () => ['Approved', 'NothingToRelease'].includes(await heldReason()));
    const left = await plane.kubectl(['get', 'macpool', 'kubernetes', '-o', 'jsonpath={.metadata.annotations}']);
    expect(left).not.toContain('approve-release');
  });

  test('are held when nobody looked for an hour, and stay so until somebody approves', async () => {
    const { installation } = installed();
    const macs = await ghosts(2, 'a4:58:0f:05:23:00');
    await until(
      'marked',
      async () => (await findByMac(installed().ledger, macs[1] ?? mac('')))?.missingSince !== undefined,
    );
    await Promise.all(installation.operators.map((operator) => operator.kill()));
    await sql(`update rock_mac.clusters set last_resync_at = last_resync_at - interval '2 hours'`);
    await missForADay(macs);
    await installation.startOperator();
    await until('held', async () => (await heldReason()) === 'ResyncsMissing');
    await until('still held a resync later', async () => (await heldReason()) === 'StillHeld');
    await approve(2);
    await untilAllReleased(macs);
  });
});
