import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DEFAULT_POOLS } from '../../api/default-pools.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { rangeContains } from '../../mac/mac-range.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, auditOf, installedEnvOfThisFile, untilNoAllocations, untilReason } from './installed-env.ts';

/* The owner, because the tests pause a pool of the ledger. */
const installed = installedEnvOfThisFile({ login: 'owner', webhooks: 0, adopt: 'kubernetes' });

async function createObject(manifest: string): Promise<string> {
  return await installed().plane.kubectl(['create', '-f', '-', '-o', 'name'], { input: manifest });
}

async function deleteClaim(name: string): Promise<void> {
  await installed().plane.kubectl(['delete', 'macallocation', name]);
}

/** Waits for a reason of Ready. Finds the condition by its type, because the order of the conditions may differ. */
async function waitUntilPoolReason(name: string, reason: string): Promise<void> {
  const ready = `jsonpath={.status.conditions[?(@.type=="Ready")].reason}`;
  await installed().plane.kubectl(['wait', `--for=${ready}=${reason}`, `macpool/${name}`, '--timeout=30s']);
}

describe('a claim', () => {
  test.each(DEFAULT_POOLS.map((pool) => [pool.name, pool] as const))(
    'in pool %s gets an address of that pool, which is released when the claim is deleted',
    async (name, pool) => {
      const { plane, ledger } = installed();
      await createObject(
        aClaim(name, { pool: name, device: { id: `${name}-01`, type: 'qemu-vm' }, attributes: { rack: 'a7' } }),
      );
      const claim = await untilReason(plane, name, 'Allocated');
      const address = mac(claim.status?.mac ?? '');
      expect(rangeContains(pool, address)).toBe(true);
      expect(claim.metadata.finalizers).toEqual(['mac.rock-os.io/release']);
      expect(await findByMac(ledger, address)).toMatchObject({
        state: 'active',
        pool: name,
        device: { id: `${name}-01`, type: 'qemu-vm' },
        metadata: { rack: 'a7' },
      });
      await deleteClaim(name);
      expect((await findByMac(ledger, address))?.state).toBe('released');
      expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'release']);
    },
  );

  test('gets its requested address, in any notation', async () => {
    const { plane } = installed();
    await createObject(aClaim('chosen', { pool: 'production', requestedMac: 'A458.0F00.1234' }));
    expect((await untilReason(plane, 'chosen', 'Allocated')).status?.mac).toBe('a4:58:0f:00:12:34');
    await createObject(aClaim('late', { pool: 'production', requestedMac: 'a4:58:0f:00:12:34' }));
    await untilReason(plane, 'late', 'RequestedMacInUse');
    await deleteClaim('late');
    await deleteClaim('chosen');
  });

  test('with a reservation leaves its address reserved when it is deleted, and the next claim reuses it', async () => {
    const { plane, ledger } = installed();
    const spec = { pool: 'reserved', requestedMac: 'a4:58:0f:ff:00:07', reserved: true };
    await createObject(aClaim('keeper', spec));
    await untilReason(plane, 'keeper', 'Allocated');
    await deleteClaim('keeper');
    expect((await findByMac(ledger, mac(spec.requestedMac)))?.state).toBe('reserved');
    await createObject(aClaim('heir', spec));
    await untilReason(plane, 'heir', 'Allocated');
    await plane.kubectl(['annotate', 'macallocation', 'heir', 'mac.rock-os.io/force-release=true']);
    await deleteClaim('heir');
    expect((await findByMac(ledger, mac(spec.requestedMac)))?.state).toBe('released');
  });

  test('waits for a pool that does not exist yet, and gets an address when it does', async () => {
    const { plane } = installed();
    await createObject(aClaim('early', { pool: 'laboratory' }));
    const waiting = await untilReason(plane, 'early', 'PoolNotFound');
    expect(waiting.status?.conditions[0]?.message).toContain('kubectl get macpools');
    await plane.kubectl(['create', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'mac.rock-os.io/v1alpha1',
        kind: 'MacPool',
        metadata: { name: 'laboratory' },
        spec: { first: 'a4:58:0f:10:00:00', last: 'a4:58:0f:10:00:0f', reuseDelay: '1h' },
      }),
    });
    expect((await untilReason(plane, 'early', 'Allocated')).status?.mac).toBe('a4:58:0f:10:00:00');
    await deleteClaim('early');
  });

  test('for an address outside its pool has a condition that says so, and holds nothing', async () => {
    const { plane, ledger } = installed();
    await createObject(aClaim('astray', { pool: 'production', requestedMac: 'a4:58:0f:05:33:33' }));
    const refused = await untilReason(plane, 'astray', 'RequestedMacOutOfRange');
    expect(refused.status?.conditions[0]?.message).toMatch(/not in pool production\. Create a new MacAllocation/);
    expect(refused.status?.mac).toBeUndefined();
    expect(await findByMac(ledger, mac('a4:58:0f:05:33:33'))).toBeUndefined();
    await deleteClaim('astray');
  });

  test('for a multicast address has a condition that says so', async () => {
    await createObject(aClaim('crowd', { pool: 'production', requestedMac: '01:00:5e:00:00:01' }));
    await untilReason(installed().plane, 'crowd', 'RequestedMacOutOfRange');
    await deleteClaim('crowd');
  });

  test('with a value that the ledger refuses has a condition that names the value', async () => {
    await createObject(aClaim('timeless', { pool: 'experiment', expiresAfter: '0s' }));
    const { status } = await untilReason(installed().plane, 'timeless', 'InvalidSpec');
    expect(status?.conditions[0]?.message).toMatch(/ttlSeconds Too small.*Correct the value/);
    await deleteClaim('timeless');
  });

  test('whose finalizer is removed while the ledger is unavailable still releases its address', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    await createObject(aClaim('forced', { pool: 'experiment' }));
    const address = (await untilReason(plane, 'forced', 'Allocated')).status?.mac ?? '';
    await ledgerProxy.cut();
    try {
      await plane.kubectl(['delete', 'macallocation', 'forced', '--wait=false']);
      const body = JSON.stringify([{ op: 'remove', path: '/metadata/finalizers' }]);
      await plane.kubectl(['patch', 'macallocation', 'forced', '--type=json', '-p', body]);
      await untilNoAllocations(plane);
    } finally {
      await ledgerProxy.heal();
    }
    await eventually(
      async () => {
        expect(await findByMac(ledger, mac(address))).toMatchObject({ state: 'released' });
      },
      { within: 40_000, every: 200 },
    );
  });

  test('that is deleted immediately after its creation leaves no address behind', async () => {
    const { plane, ledger } = installed();
    const names = Array.from({ length: 20 }, (_, index) => `brief-${String(index)}`);
    await Promise.all(
      names.map(async (name) => {
        await createObject(aClaim(name, { pool: 'experiment' }));
        await plane.kubectl(['delete', 'macallocation', name, '--wait=false']);
      }),
    );
    await untilNoAllocations(plane);
    // A finalizer that is added during a deletion does not keep the object, so the address may be released after it.
    await eventually(async () => {
      const held = await ledger.query({
        text: `select count(*)::int as count from rock_mac.addresses where state <> 'released' and owner_name like 'brief-%'`,
        values: [],
        row: z.object({ count: z.number() }),
      });
      expect(held).toEqual([{ count: 0 }]);
    });
  });
});

describe('the API server refuses', () => {
  const base = {
    pool: 'production',
    device: { id: 'a' },
    requestedMac: 'a4:58:0f:00:55:01',
    attributes: { rack: 'a' },
  };

  test.each([
    ['a claim without a pool', aClaim('bad', {}), /spec\.pool/],
    ['an invalid MAC', aClaim('bad', { pool: 'production', requestedMac: 'a4:58' }), /requestedMac/],
    ['an invalid duration', aClaim('bad', { pool: 'production', expiresAfter: 'soon' }), /expiresAfter/],
  ])('%s', async (_, manifest, message) => {
    await expect(createObject(manifest)).rejects.toThrow(message);
  });

  test.each([
    ['another pool', { pool: 'development' }],
    ['another device', { device: { id: 'b' } }],
    ['a removed device', { device: null }],
    ['another requested address', { requestedMac: 'a4:58:0f:00:55:02' }],
    ['a removed requested address', { requestedMac: null }],
    ['a new reservation', { reserved: true }],
    ['other attributes', { attributes: { rack: 'b' } }],
  ])('%s on a stored claim', async (_, change) => {
    const { plane } = installed();
    await plane.kubectl(['apply', '-f', '-'], { input: aClaim('fixed', base) });
    await expect(
      plane.kubectl(['patch', 'macallocation', 'fixed', '--type=merge', '-p', JSON.stringify({ spec: change })]),
    ).rejects.toThrow(/immutable/);
  });

  test('another address in the status of a claim that has one', async () => {
    const { plane } = installed();
    await untilReason(plane, 'fixed', 'Allocated');
    await expect(
      plane.kubectl([
        ...['patch', 'macallocation', 'fixed', '--subresource=status', '--type=merge'],
        ...['-p', '{"status":{"mac":"a4:58:0f:00:55:02"}}'],
      ]),
    ).rejects.toThrow(/set once/);
    await deleteClaim('fixed');
  });

  test.each([
    ['a pool that ends before it begins', { first: 'a4:58:0f:20:00:0f', last: 'a4:58:0f:20:00:00' }, /first must not/],
    [
      'a pool with a mixture of two notations',
      { first: 'A4-58-0F:20:00:00', last: 'a4:58:0f:20:00:0f' },
      /spec\.first/,
    ],
  ])('%s', async (_, spec, message) => {
    const manifest = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: 'odd' }, spec };
    await expect(createObject(JSON.stringify(manifest))).rejects.toThrow(message);
  });
});

describe('a pool', () => {
  async function applyPool(name: string, spec: Record<string, unknown>): Promise<void> {
    const manifest = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name }, spec };
    await installed().plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
  }

  test('that overlaps another is not Ready, and its condition says why', async () => {
    const { plane } = installed();
    await applyPool('greedy', { first: 'a4:58:0f:05:ff:00', last: 'a4:58:0f:06:00:ff' });
    await waitUntilPoolReason('greedy', 'RangeOverlaps');
    await plane.kubectl(['delete', 'macpool', 'greedy']);
  });

  test('whose definition differs from the ledger has the reason DefinitionConflict', async () => {
    const { plane } = installed();
    await plane.kubectl(['patch', 'macpool', 'docker', '--type=merge', '-p', '{"spec":{"reuseDelay":"2h"}}']);
    await waitUntilPoolReason('docker', 'DefinitionConflict');
    await plane.kubectl(['patch', 'macpool', 'docker', '--type=merge', '-p', '{"spec":{"reuseDelay":"1h"}}']);
    await waitUntilPoolReason('docker', 'Defined');
  });

  test('with a period that the ledger would refuse is refused, with the minimum', async () => {
    const range = { first: 'a4:58:0f:40:00:00', last: 'a4:58:0f:40:00:0f' };
    for (const reuseDelay of ['1s', '59s', '0d0h59s']) {
      await expect(applyPool('hasty', { ...range, reuseDelay })).rejects.toThrow(/reuseDelay must be at least 1m/);
    }
    for (const autoReleaseAfter of ['59m', '3599s', '0d59m59s']) {
      await expect(applyPool('hasty', { ...range, autoReleaseAfter })).rejects.toThrow(
        /autoReleaseAfter must be at least 1h/,
      );
    }
    await applyPool('patient', { ...range, reuseDelay: '60s', autoReleaseAfter: '3600s' });
    await waitUntilPoolReason('patient', 'Defined');
    await installed().plane.kubectl(['delete', 'macpool', 'patient', '--wait=false']);
  });

  test('of multicast addresses is not Ready, and its condition says why', async () => {
    const { plane } = installed();
    await applyPool('shouting', { first: '01:00:5e:00:00:00', last: '01:00:5e:00:00:0f' });
    await waitUntilPoolReason('shouting', 'InvalidDefinition');
    const message = `jsonpath={.status.conditions[?(@.type=="Ready")].message}`;
    const text = await plane.kubectl(['get', 'macpool', 'shouting', '-o', message]);
    expect(text).toMatch(/spec.first 01:00:5e:00:00:00 is a multicast address/);
    await plane.kubectl(['delete', 'macpool', 'shouting', '--timeout=10s']);
  });

  test('may grow at its end, and then has more free addresses', async () => {
    const { plane } = installed();
    await applyPool('small', { first: 'a4:58:0f:30:00:00', last: 'a4:58:0f:30:00:00' });
    await createObject(aClaim('first', { pool: 'small' }));
    await untilReason(plane, 'first', 'Allocated');
    await createObject(aClaim('second', { pool: 'small' }));
    await untilReason(plane, 'second', 'PoolExhausted');
    await applyPool('small', { first: 'a4:58:0f:30:00:00', last: 'a4:58:0f:30:00:03' });
    expect((await untilReason(plane, 'second', 'Allocated')).status?.mac).toBe('a4:58:0f:30:00:01');
    await deleteClaim('first');
    await deleteClaim('second');
  });

  test('that is paused allocates nothing until it is resumed', async () => {
    const { plane } = installed();
    await plane.kubectl(['patch', 'macpool', 'vultr', '--type=merge', '-p', '{"spec":{"paused":true}}']);
    await waitUntilPoolReason('vultr', 'Paused');
    await createObject(aClaim('patient', { pool: 'vultr' }));
    await untilReason(plane, 'patient', 'PoolPaused');
    await plane.kubectl(['patch', 'macpool', 'vultr', '--type=merge', '-p', '{"spec":{"paused":false}}']);
    await untilReason(plane, 'patient', 'Allocated');
    await deleteClaim('patient');
  });
});
