import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DEFAULT_POOLS } from '../../api/default-pools.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { rangeContains } from '../../mac/mac-range.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, auditOf, installedEnvOfThisFile, untilNoAllocations, untilReason } from './installed-env.ts';

const installed = installedEnvOfThisFile({ webhooks: 0 });

async function create(manifest: string): Promise<string> {
  return await installed().plane.kubectl(['create', '-f', '-', '-o', 'name'], { input: manifest });
}

async function remove(name: string): Promise<void> {
  await installed().plane.kubectl(['delete', 'macallocation', name]);
}

/** Its conditions stand in the order in which they were first set: whether the ledger is open is one of them. */
async function untilPoolIs(name: string, reason: string): Promise<void> {
  const ready = `jsonpath={.status.conditions[?(@.type=="Ready")].reason}`;
  await installed().plane.kubectl(['wait', `--for=${ready}=${reason}`, `macpool/${name}`, '--timeout=30s']);
}

describe('a claim', () => {
  test.each(DEFAULT_POOLS.map((pool) => [pool.name, pool] as const))(
    'in pool %s gets an address of that pool, and gives it back when it is deleted',
    async (name, pool) => {
      const { plane, ledger } = installed();
      await create(
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
      await remove(name);
      expect((await findByMac(ledger, address))?.state).toBe('released');
      expect((await auditOf(ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'release']);
    },
  );

  test('gets the very address that it asks for, in any notation', async () => {
    const { plane } = installed();
    await create(aClaim('wish', { pool: 'production', requestedMac: 'A458.0F00.1234' }));
    expect((await untilReason(plane, 'wish', 'Allocated')).status?.mac).toBe('a4:58:0f:00:12:34');
    await create(aClaim('late', { pool: 'production', requestedMac: 'a4:58:0f:00:12:34' }));
    await untilReason(plane, 'late', 'RequestedMacInUse');
    await remove('late');
    await remove('wish');
  });

  test('that reserves keeps its address in the ledger when it is deleted, and the next claim takes it up', async () => {
    const { plane, ledger } = installed();
    const spec = { pool: 'reserved', requestedMac: 'a4:58:0f:ff:00:07', reserved: true };
    await create(aClaim('keeper', spec));
    await untilReason(plane, 'keeper', 'Allocated');
    await remove('keeper');
    expect((await findByMac(ledger, mac(spec.requestedMac)))?.state).toBe('reserved');
    await create(aClaim('heir', spec));
    await untilReason(plane, 'heir', 'Allocated');
    await plane.kubectl(['annotate', 'macallocation', 'heir', 'mac.rock-os.io/force-release=true']);
    await remove('heir');
    expect((await findByMac(ledger, mac(spec.requestedMac)))?.state).toBe('released');
  });

  test('waits for a pool that does not exist yet, and is served when it does', async () => {
    const { plane } = installed();
    await create(aClaim('early', { pool: 'laboratory' }));
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
    await remove('early');
  });

  test('for an address outside its pool is told so, and holds nothing', async () => {
    const { plane, ledger } = installed();
    await create(aClaim('astray', { pool: 'production', requestedMac: 'a4:58:0f:05:33:33' }));
    const refused = await untilReason(plane, 'astray', 'RequestedMacOutOfRange');
    expect(refused.status?.conditions[0]?.message).toMatch(/not in pool production\. Create a new MacAllocation/);
    expect(refused.status?.mac).toBeUndefined();
    expect(await findByMac(ledger, mac('a4:58:0f:05:33:33'))).toBeUndefined();
    await remove('astray');
  });

  test('for an address that no device may own is told so', async () => {
    await create(aClaim('crowd', { pool: 'production', requestedMac: '01:00:5e:00:00:01' }));
    await untilReason(installed().plane, 'crowd', 'RequestedMacOutOfRange');
    await remove('crowd');
  });

  test('with a value that the ledger does not take is told which, and does not blame the ledger', async () => {
    await create(aClaim('timeless', { pool: 'experiment', expiresAfter: '0s' }));
    const { status } = await untilReason(installed().plane, 'timeless', 'InvalidSpec');
    expect(status?.conditions[0]?.message).toMatch(/ttlSeconds Too small.*Correct the value/);
    await remove('timeless');
  });

  test('whose finalizer somebody takes off while the ledger is away gives its address back all the same', async () => {
    const { plane, ledger, ledgerProxy } = installed();
    await create(aClaim('forced', { pool: 'experiment' }));
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

  test('that is deleted at once after its creation leaves nothing behind', async () => {
    const { plane, ledger } = installed();
    const names = Array.from({ length: 20 }, (_, index) => `brief-${String(index)}`);
    await Promise.all(
      names.map(async (name) => {
        await create(aClaim(name, { pool: 'experiment' }));
        await plane.kubectl(['delete', 'macallocation', name, '--wait=false']);
      }),
    );
    await untilNoAllocations(plane);
    // Not at once: a finalizer that is stored in the midst of a deletion keeps no object, so that the address goes after it.
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
    ['a MAC that is none', aClaim('bad', { pool: 'production', requestedMac: 'a4:58' }), /requestedMac/],
    ['a duration that is none', aClaim('bad', { pool: 'production', expiresAfter: 'soon' }), /expiresAfter/],
  ])('%s', async (_, manifest, message) => {
    await expect(create(manifest)).rejects.toThrow(message);
  });

  test.each([
    ['another pool', { pool: 'development' }],
    ['another device', { device: { id: 'b' } }],
    ['no device any more', { device: null }],
    ['another requested address', { requestedMac: 'a4:58:0f:00:55:02' }],
    ['no requested address any more', { requestedMac: null }],
    ['a reservation afterwards', { reserved: true }],
    ['other attributes', { attributes: { rack: 'b' } }],
  ])('%s on a claim that is there', async (_, change) => {
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
    await remove('fixed');
  });

  test.each([
    ['a pool that ends before it begins', { first: 'a4:58:0f:20:00:0f', last: 'a4:58:0f:20:00:00' }, /first must not/],
    [
      'a pool with addresses in another notation',
      { first: 'A4-58-0F-20-00-00', last: 'a4:58:0f:20:00:0f' },
      /spec\.first/,
    ],
  ])('%s', async (_, spec, message) => {
    const manifest = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: 'odd' }, spec };
    await expect(create(JSON.stringify(manifest))).rejects.toThrow(message);
  });
});

describe('a pool', () => {
  async function pool(name: string, spec: Record<string, unknown>): Promise<void> {
    const manifest = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name }, spec };
    await installed().plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
  }

  test('that shares addresses with another is never Ready, and says why', async () => {
    const { plane } = installed();
    await pool('greedy', { first: 'a4:58:0f:05:ff:00', last: 'a4:58:0f:06:00:ff' });
    await untilPoolIs('greedy', 'RangeOverlaps');
    await plane.kubectl(['delete', 'macpool', 'greedy']);
  });

  test('that says something else than the ledger is a conflict', async () => {
    const { plane } = installed();
    await plane.kubectl(['patch', 'macpool', 'docker', '--type=merge', '-p', '{"spec":{"reuseDelay":"2h"}}']);
    await untilPoolIs('docker', 'DefinitionConflict');
    await plane.kubectl(['patch', 'macpool', 'docker', '--type=merge', '-p', '{"spec":{"reuseDelay":"1h"}}']);
    await untilPoolIs('docker', 'Defined');
  });

  test('whose periods the ledger does not take is never Ready, and says why', async () => {
    const { plane } = installed();
    await pool('hasty', { first: 'a4:58:0f:40:00:00', last: 'a4:58:0f:40:00:0f', reuseDelay: '1s' });
    await untilPoolIs('hasty', 'InvalidDefinition');
    await plane.kubectl(['delete', 'macpool', 'hasty', '--wait=false']);
  });

  test('of addresses that no device may own is never Ready, and says why', async () => {
    const { plane } = installed();
    await pool('shouting', { first: '01:00:5e:00:00:00', last: '01:00:5e:00:00:0f' });
    await untilPoolIs('shouting', 'InvalidDefinition');
    const message = `jsonpath={.status.conditions[?(@.type=="Ready")].message}`;
    const shown = await plane.kubectl(['get', 'macpool', 'shouting', '-o', message]);
    expect(shown).toMatch(/spec.first 01:00:5e:00:00:00 is a multicast address/);
    await plane.kubectl(['delete', 'macpool', 'shouting', '--timeout=10s']);
  });

  test('may grow at its end, and then has more to give', async () => {
    const { plane } = installed();
    await pool('small', { first: 'a4:58:0f:30:00:00', last: 'a4:58:0f:30:00:00' });
    await create(aClaim('first', { pool: 'small' }));
    await untilReason(plane, 'first', 'Allocated');
    await create(aClaim('second', { pool: 'small' }));
    await untilReason(plane, 'second', 'PoolExhausted');
    await pool('small', { first: 'a4:58:0f:30:00:00', last: 'a4:58:0f:30:00:03' });
    expect((await untilReason(plane, 'second', 'Allocated')).status?.mac).toBe('a4:58:0f:30:00:01');
    await remove('first');
    await remove('second');
  });

  test('that is paused hands out nothing until it is resumed', async () => {
    const { plane } = installed();
    await plane.kubectl(['patch', 'macpool', 'vultr', '--type=merge', '-p', '{"spec":{"paused":true}}']);
    await untilPoolIs('vultr', 'Paused');
    await create(aClaim('patient', { pool: 'vultr' }));
    await untilReason(plane, 'patient', 'PoolPaused');
    await plane.kubectl(['patch', 'macpool', 'vultr', '--type=merge', '-p', '{"spec":{"paused":false}}']);
    await untilReason(plane, 'patient', 'Allocated');
    await remove('patient');
  });
});
