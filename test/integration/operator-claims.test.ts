import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import {
  aClaim,
  auditOf,
  installedEnvOfThisFile,
  untilNoAllocations,
  untilReason,
  whileLedgerIsAhead,
} from './installed-env.ts';

const installed = installedEnvOfThisFile({ webhooks: 0, adopt: 'kubernetes' });

beforeAll(async () => {
  await installed().plane.kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '--all']);
});

async function create(manifest: string): Promise<void> {
  await installed().plane.kubectl(['create', '-f', '-'], { input: manifest });
}

async function createClaim(name: string, spec: Record<string, unknown>): Promise<string> {
  await create(aClaim(name, spec));
  return (await untilReason(installed().plane, name, 'Allocated')).status?.mac ?? '';
}

/** Creates a pod whose manifest names its address, without the webhook. */
async function createPodWithAddress(name: string, address: string): Promise<void> {
  const annotations = { 'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'blue', mac: address }]) };
  const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
  await create(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, annotations }, spec }));
}

async function waitUntilField(name: string, path: string, want: string): Promise<void> {
  const { plane } = installed();
  await plane.kubectl(['wait', `--for=jsonpath={${path}}=${want}`, `macallocation/${name}`, '--timeout=20s']);
}

async function remove(...what: string[]): Promise<void> {
  await installed().plane.kubectl(['delete', ...what, '--wait=false', '--grace-period=0']);
}

async function waitUntilDeleted(name: string): Promise<void> {
  await installed().plane.kubectl(['wait', '--for=delete', `macallocation/${name}`, '--timeout=30s']);
}

afterEach(async () => {
  await installed().plane.kubectl([
    'delete',
    'pods,macallocations',
    '--all',
    '--wait=false',
    '--grace-period=0',
    '--force',
  ]);
  await untilNoAllocations(installed().plane);
});

describe('a claim that expires', () => {
  const spec = { pool: 'experiment', expiresAfter: '1h' };

  test('is released and deleted when it expires, with an Event', async () => {
    const { ledger, plane } = installed();
    const address = await createClaim('brief', spec);
    await whileLedgerIsAhead(ledger, '61 minutes', () => waitUntilDeleted('brief'));
    expect((await findByMac(ledger, mac(address)))?.state).toBe('released');
    const [, release] = await auditOf(ledger, address);
    expect(release).toMatchObject({ action: 'release' });
    await eventually(
      async () => {
        const reasons = await plane.kubectl(['get', 'events', '-o', 'jsonpath={range .items[*]}{.reason}{"\\n"}{end}']);
        expect(reasons.split('\n')).toContain('Expired');
      },
      { within: 10_000, every: 200 },
    );
  });

  test('gets its whole period again from its renewal', async () => {
    const { ledger, plane } = installed();
    await createClaim('renewed', spec);
    await whileLedgerIsAhead(ledger, '40 minutes', async () => {
      await plane.kubectl([
        'patch',
        'macallocation',
        'renewed',
        '--type=merge',
        '-p',
        '{"spec":{"renewedAt":"2026-01-01T00:00:00Z"}}',
      ]);
      await waitUntilField('renewed', '.status.observedGeneration', '2');
    });
    // After its first expiry, and longer than the interval between checks for expired claims.
    await whileLedgerIsAhead(ledger, '80 minutes', async () => {
      await new Promise((resolve) => setTimeout(resolve, 7_000));
      await untilReason(plane, 'renewed', 'Allocated');
    });
    await whileLedgerIsAhead(ledger, '102 minutes', () => waitUntilDeleted('renewed'));
  });

  test('waits for the pod that uses its address', async () => {
    const { ledger, plane } = installed();
    const address = await createClaim('used', spec);
    await createPodWithAddress('user', address);
    await waitUntilField('used', '.status.consumer.name', 'user');
    await whileLedgerIsAhead(ledger, '61 minutes', async () => {
      const blocked = await untilReason(plane, 'used', 'ReleaseBlocked');
      expect(blocked.status?.conditions[0]?.message).toMatch(/expired, but Pod user still uses its address/);
      expect((await findByMac(ledger, mac(address)))?.state).toBe('active');
      await remove('pod', 'user');
      await waitUntilDeleted('used');
    });
    expect((await findByMac(ledger, mac(address)))?.state).toBe('released');
  });
});

describe('a claim that a pod uses', () => {
  test('names the pod in its status, has no mirror, and can be used again after the deletion of the pod', async () => {
    const { ledger } = installed();
    const address = await createClaim('steady', { pool: 'development' });
    await createPodWithAddress('first', address);
    await waitUntilField('steady', '.status.consumer.name', 'first');
    await remove('pod', 'first');
    await waitUntilField('steady', '.status.conditions[?(@.type=="Bound")].reason', 'NotInUse');
    await createPodWithAddress('second', address);
    await waitUntilField('steady', '.status.consumer.name', 'second');
    const row = await findByMac(ledger, mac(address));
    expect(row).toMatchObject({ state: 'active', generation: 1, owner: { kind: 'MacAllocation', name: 'steady' } });
    const names = await installed().plane.kubectl(['get', 'macallocations', '-o', 'name']);
    expect(names.trim()).toBe('macallocation.mac.rock-os.io/steady');
  });

  test('is not released before the pod is deleted, in spite of the force-release annotation', async () => {
    const { ledger, plane } = installed();
    const address = await createClaim('blocked', { pool: 'reserved', reserved: true });
    await createPodWithAddress('holder', address);
    await waitUntilField('blocked', '.status.consumer.name', 'holder');
    await plane.kubectl(['annotate', 'macallocation', 'blocked', 'mac.rock-os.io/force-release=true']);
    await remove('macallocation', 'blocked');
    await untilReason(plane, 'blocked', 'ReleaseBlocked');
    expect((await findByMac(ledger, mac(address)))?.state).toBe('reserved');
    await remove('pod', 'holder');
    await waitUntilDeleted('blocked');
    expect((await findByMac(ledger, mac(address)))?.state).toBe('released');
  });
});

test('a refused claim gets one Event with the reason, and waits as long as the reason lasts', async () => {
  const { plane } = installed();
  const wanted = 'a4:58:0f:00:44:44';
  await createClaim('holder', { pool: 'production', requestedMac: wanted });
  await create(aClaim('waiting', { pool: 'production', requestedMac: wanted }));
  await untilReason(plane, 'waiting', 'RequestedMacInUse');
  const events = z.object({ items: z.array(z.object({ reason: z.string(), type: z.string(), note: z.string() })) });
  await eventually(
    async () => {
      const args = ['get', 'events.events.k8s.io', '--field-selector=regarding.name=waiting', '-o', 'json'];
      const { items } = events.parse(JSON.parse(await plane.kubectl(args)));
      expect(items).toEqual([
        {
          reason: 'RequestedMacInUse',
          type: 'Warning',
          note: expect.stringContaining('held by another owner') as string,
        },
      ]);
    },
    { within: 10_000, every: 200 },
  );
  await remove('macallocation', 'holder');
  // The released address is not free for others yet: the pool's reuse delay is seven days.
  const waiting = await untilReason(plane, 'waiting', 'RequestedMacInUse');
  expect(waiting.status?.mac).toBeUndefined();
});

test('a status is written only when it changes', async () => {
  const { plane } = installed();
  await createClaim('quiet', { pool: 'docker', expiresAfter: '2h' });
  const version = () => plane.kubectl(['get', 'macallocation', 'quiet', '-o', 'jsonpath={.metadata.resourceVersion}']);
  const before = await version();
  // A new leader reconciles everything again.
  const [operator] = installed().installation.operators;
  await operator?.kill();
  const next = await installed().installation.startOperator();
  await eventually(
    async () => {
      expect(await next.metric('rockmac_reconcile_duration_seconds_count')).toBeGreaterThanOrEqual(8);
    },
    { within: 20_000, every: 200 },
  );
  expect(await version()).toBe(before);
});
