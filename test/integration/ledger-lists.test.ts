import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { type AddressFilter, listAddresses } from '../../ledger/address/find.ts';
import { hasMetadata, metadataPath, parseMetadataTerm } from '../../ledger/address/metadata-term.ts';
import { ADDRESS_ORDERS, pageMark } from '../../ledger/address/page-mark.ts';
import { release } from '../../ledger/address/release.ts';
import { suggestTargets } from '../../ledger/address/suggest.ts';
import { type AuditFilter, listAudit } from '../../ledger/audit.ts';
import { followAudit } from '../../ledger/follow-audit.ts';
import { eventually } from '../env/testing.ts';
import { aPodRequest, aRequest, joinCluster, LEASE_SECONDS, ledgerOfThisFile, takeAddress } from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();
const by = { actor: 'bob', reason: 'done' };

/** Devices and pods in three pools, in groups with equal times. Some are released, some devices have no id. */
beforeAll(async () => {
  const { db } = ledger.current;
  await joinCluster(db, 'c1');
  for (const pool of ['vultr', 'development', 'docker']) {
    const group = Array.from({ length: 9 }, (_, n) => {
      const id = n % 4 === 0 ? undefined : `vm-${String(n % 3)}`;
      return aRequest({ key: `${pool}/${String(n)}`, pool, device: { id, type: 'qemu-vm' } });
    });
    await allocate(db, pool, group, { leaseSeconds: LEASE_SECONDS });
  }
  for (const name of ['web', 'db', 'cache']) await takeAddress(ledger.current, aPodRequest(name));
  const given = await takeAddress(ledger.current, aRequest({ key: 'released-one', device: { id: 'vm-9@odd "name"' } }));
  await release(db, [given], by);
});

const macsOf = (rows: readonly AddressRow[]) => rows.map(({ mac }) => mac);

async function allPages(filter: AddressFilter, limit: number): Promise<AddressRow[][]> {
  const { order = 'address' } = filter;
  const pages: AddressRow[][] = [];
  for (let after: string | undefined; ;) {
    const page = await listAddresses(ledger.current.db, { ...filter, after, limit });
    const last = page.at(-1);
    if (last === undefined) return pages;
    pages.push(page);
    after = pageMark(order, last);
  }
}

describe('a list of addresses', () => {
  test.each(ADDRESS_ORDERS)('in the order %s is the same in one page and in pages of any size', async (order) => {
    const whole = macsOf(await listAddresses(ledger.current.db, { order, limit: 1_000 }));
    expect(whole).toHaveLength(31);
    for (const limit of [1, 4, 31]) expect(macsOf((await allPages({ order }, limit)).flat())).toEqual(whole);
  });

  test('is sorted by the requested order', async () => {
    const { db } = ledger.current;
    const list = (order: (typeof ADDRESS_ORDERS)[number]) => listAddresses(db, { order, limit: 1_000 });
    const rising = macsOf(await list('address'));
    expect(rising).toEqual([...rising].sort());
    const times = (await list('newest')).map(({ allocatedAt }) => -Number(allocatedAt));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const pools = (await list('pool')).map(({ pool }) => pool);
    expect(pools).toEqual([...pools].sort());
    const devices = (await list('device')).map(({ device }) => device?.id ?? '~');
    expect(devices).toEqual([...devices].sort());
    expect(devices.at(-1)).toBe('~');
  });

  test('shows every address once while another one gets a new owner', async () => {
    const { db } = ledger.current;
    const whole = macsOf(await listAddresses(db, { pool: 'vultr', order: 'newest', limit: 1_000 }));
    const first = await listAddresses(db, { pool: 'vultr', order: 'newest', limit: 4 });
    const last = first.at(-1);
    if (last === undefined) throw new Error('a page was expected');
    await release(db, [last], by);
    await takeAddress(
      ledger.current,
      aRequest({ key: 'again', pool: 'vultr', requested: last.mac, device: last.device }),
    );
    const rest = await listAddresses(db, { pool: 'vultr', order: 'newest', after: pageMark('newest', last) });
    expect(macsOf([...first, ...rest])).toEqual(whole);
  });

  test('can be filtered by pool, states, device, owner and time', async () => {
    const { db } = ledger.current;
    const keys = async (filter: AddressFilter) => (await listAddresses(db, filter)).map(({ key }) => key);
    expect(await keys({ pool: 'docker', deviceId: 'vm-2' })).toEqual(['docker/2', 'docker/5']);
    expect(await keys({ states: ['released'] })).toEqual(['released-one']);
    expect(await keys({ kind: 'Pod', namespace: 'team', name: 'db' })).toEqual(['named/db']);
    expect(await keys({ clusterId: 'c1', states: ['pending'] })).toEqual(['named/web', 'named/db', 'named/cache']);
    expect(await keys({ namespace: 'other' })).toEqual([]);
    const cache = (await listAddresses(db, { name: 'cache' }))[0];
    expect(await keys({ allocatedSince: cache?.allocatedAt, kind: 'Pod' })).toEqual(['named/cache']);
    expect(await keys({ changedSince: new Date('2999-01-01') })).toEqual([]);
  });

  test('can be filtered by metadata, by the type of a device, and by age', async () => {
    const { db } = ledger.current;
    const described = (key: string, metadata: Record<string, unknown>) =>
      takeAddress(ledger.current, aRequest({ key, pool: 'experiment', device: { id: key, type: 'switch' }, metadata }));
    await described('leaf-1', { rack: 'a7', vlan: 12 });
    await described('leaf-2', { rack: 'a7', ports: ['x', 'y'] });
    await described('leaf-3', { rack: 'a8' });
    const keys = async (...texts: readonly string[]) =>
      (await listAddresses(db, { pool: 'experiment', metadata: texts.map(parseMetadataTerm) })).map(({ key }) => key);
    expect(await keys('rack=a7')).toEqual(['leaf-1', 'leaf-2']);
    expect(await keys('rack')).toEqual(['leaf-1', 'leaf-2', 'leaf-3']);
    expect(await keys('rack=a7', 'vlan=12')).toEqual(['leaf-1']);
    expect(await keys('ports=y')).toEqual(['leaf-2']);
    expect(await keys(`rack=a7' or 1=1`)).toEqual([]);
    const [second] = (await listAddresses(db, { deviceType: 'switch', order: 'newest' })).slice(1);
    const older = await listAddresses(db, { deviceType: 'switch', allocatedBefore: second?.allocatedAt });
    expect(older.map(({ key }) => key)).toEqual(['leaf-1']);
    await expect(listAddresses(db, { metadata: [{ key: '' }] })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('compares metadata as the command line does without the ledger', async () => {
    const { sql } = ledger.current;
    const scalar = fc.oneof(
      fc.constantFrom('', 'a7', '12', 'true', 'null', '1.5', '"', '\\', 'ä'),
      fc.constantFrom(12, 1.5, 0, true, false, null),
    );
    const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.record({ rack: scalar }));
    const key = fc.constantFrom('rack', 'a"b', 'x y', 'ä', '$');
    const metadata = fc.dictionary(key, value, { maxKeys: 3 });
    const typed = fc.constantFrom(
      '',
      'a7',
      '12',
      '12.0',
      '1.5',
      'true',
      'null',
      '"',
      '\\',
      'ä',
      '99999999999999999999',
    );
    const terms = fc.array(fc.record({ key, value: fc.option(typed, { nil: undefined }) }), {
      minLength: 1,
      maxLength: 2,
    });
    await fc.assert(
      fc.asyncProperty(metadata, terms, async (held, wanted) => {
        const [row] = await sql(
          'select $1::jsonb ?& $2::text[] and ($3::text is null or coalesce($1::jsonb @@ $3::jsonpath, false)) as meets',
          [JSON.stringify(held), wanted.map(({ key }) => key), metadataPath(wanted)],
        );
        expect(row?.['meets']).toBe(hasMetadata(held, wanted));
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['address', 'nonsense'],
    ['address', 'a4:58:0f:01:00:00@a4:58:0f:01:00:00'],
    ['newest', 'a4:58:0f:01:00:00'],
    ['newest', 'a4:58:0f:01:00:00@yesterday'],
    ['pool', 'a4:58:0f:01:00:00'],
    ['device', '@vm-1'],
  ] as const)('in the order %s does not continue after %s', async (order, after) => {
    await expect(listAddresses(ledger.current.db, { order, after })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('Pass the mark of the previous page') as string,
    });
  });
});

describe('a completion', () => {
  test('returns held addresses and devices that begin with the typed text', async () => {
    const { db } = ledger.current;
    expect(await suggestTargets(db, 'vm-', 10)).toEqual({ macs: [], devices: ['vm-0', 'vm-1', 'vm-2'] });
    expect(await suggestTargets(db, 'A4:58:0f:04:00:0', 2)).toEqual({
      macs: ['a4:58:0f:04:00:00', 'a4:58:0f:04:00:01'],
      devices: [],
    });
    expect((await suggestTargets(db, 'a4:58:0f:04:', 100)).macs).toHaveLength(9);
    expect((await suggestTargets(db, '', 100)).macs).toHaveLength(33);
    expect(await suggestTargets(db, 'a4:58:0f:01:00:09', 5)).toEqual({ macs: [], devices: [] }); // released
    expect(await suggestTargets(db, "%' or 1=1", 5)).toEqual({ macs: [], devices: [] });
  });
});

describe('the audit', () => {
  const idsAfter = async (after: number | undefined, filter: AuditFilter = {}) =>
    (await followAudit(ledger.current.db, after ?? 0, filter)).entries.map(({ id }) => id);
  const idsOf = async (filter: AuditFilter) => (await listAudit(ledger.current.db, filter)).map(({ id }) => id);

  test('can be filtered by user or program, action, address, device and time', async () => {
    const { db } = ledger.current;
    const released = await listAudit(db, { action: 'release', deviceId: 'vm-9@odd "name"' });
    expect(released).toMatchObject([{ action: 'release', actor: 'bob', user: 'bob' }]);
    expect((await listAudit(db, { actor: 'bob' })).map(({ action }) => action)).toContain('release');
    expect(new Set((await listAudit(db, { actor: 'ada' })).map(({ user }) => user))).toEqual(new Set(['ada']));
    expect(await idsOf({ actor: 'nobody' })).toEqual([]);
    const [last] = await listAudit(db, { limit: 1 });
    expect(await idsOf({ since: last?.timestamp })).toEqual([last?.id]);
    expect((await listAudit(db, { mac: last?.mac })).every(({ mac }) => mac === last?.mac)).toBe(true);
  });

  test('is paged backwards, and forwards from any entry', async () => {
    const newest = await idsOf({ limit: 1_000 });
    expect(newest).toEqual([...newest].sort((a, b) => b - a));
    expect(await idsOf({ before: newest[2], limit: 2 })).toEqual(newest.slice(3, 5));
    await eventually(async () => {
      expect(await idsAfter(0, { limit: 1_000 })).toEqual(newest.toReversed());
    });
    expect(await idsAfter(newest[3], { limit: 2 })).toEqual([newest[2], newest[1]]);
    expect(await idsAfter(newest[0])).toEqual([]);
  });

  test('says how far a follower has read it, also if nothing fitted the filter', async () => {
    const { db } = ledger.current;
    const [newest = 0] = await idsOf({ limit: 1 });
    await eventually(async () => {
      expect(await followAudit(db, 0, { actor: 'nobody' })).toEqual({ entries: [], reached: newest });
    });
    const { entries, reached } = await followAudit(db, 0, { limit: 2 });
    expect(reached).toBe(entries.at(-1)?.id);
    await takeAddress(ledger.current, aRequest({ key: 'fits', pool: 'docker' }));
    await eventually(async () => {
      const followed = await followAudit(db, newest, { pool: 'docker', limit: 10 });
      expect(followed).toMatchObject({ entries: [{ key: 'fits' }], reached: newest + 1 });
    });
    expect(await followAudit(db, newest + 1)).toEqual({ entries: [], reached: newest + 1 });
  });

  test('leaves out no entry for a follower, even if a later one is committed first', async () => {
    const { db } = ledger.current;
    const [last] = await idsOf({ limit: 1 });
    const keysSince = async () => (await followAudit(db, last ?? 0)).entries.map(({ key }) => key);
    await db.transaction(async (slow) => {
      await allocate(slow, 'development', [aRequest({ key: 'slow' })], { leaseSeconds: LEASE_SECONDS });
      await takeAddress(ledger.current, aRequest({ key: 'quick', pool: 'docker' }));
      expect((await listAudit(db, { limit: 1 })).map(({ key }) => key)).toEqual(['quick']);
      expect(await followAudit(db, last ?? 0)).toEqual({ entries: [], reached: last });
    });
    await eventually(async () => {
      expect(await keysSince()).toEqual(['slow', 'quick']);
    });
  });

  test('does not hold a follower back at an unused id because something else is at work', async () => {
    const { db } = ledger.current;
    const last = await startBehindAnUnusedId('not held back');
    await db.transaction(async (unrelated) => {
      await unrelated.query({ text: 'select pg_current_xact_id()::text', values: [], row: z.object({}) });
      expect((await followAudit(db, last)).entries).toMatchObject([{ key: 'not held back' }]);
    });
  });

  test('does not hold a follower back at an unused id because others write all the time', async () => {
    const { db } = ledger.current;
    const last = await startBehindAnUnusedId('in a busy ledger');
    const ended = new AbortController();
    // Each writes before the one before it ends, so the audit always has a transaction at work.
    const writeAlways = async (turn: number, onWritten: () => void): Promise<void> => {
      let next: Promise<void> | undefined;
      await db.transaction(async (writer) => {
        const pool = turn % 2 === 0 ? 'development' : 'vultr';
        await allocate(writer, pool, [aRequest({ key: `busy/${String(turn)}`, pool })], {
          leaseSeconds: LEASE_SECONDS,
        });
        onWritten();
        if (ended.signal.aborted) return;
        const written = Promise.withResolvers<undefined>();
        next = writeAlways(turn + 1, () => {
          written.resolve(undefined);
        });
        await Promise.race([written.promise, next]);
        await sleep(50);
      });
      await next;
    };
    const begun = Promise.withResolvers<undefined>();
    const writing = writeAlways(0, () => {
      begun.resolve(undefined);
    });
    await Promise.race([begun.promise, writing]);
    try {
      await eventually(async () => {
        expect((await followAudit(db, last)).entries[0]).toMatchObject({ key: 'in a busy ledger' });
      });
    } finally {
      ended.abort();
      await writing;
    }
  });

  /** Returns an id. The next one is unused, and an entry with this key comes after it. */
  async function startBehindAnUnusedId(key: string): Promise<number> {
    const { db } = ledger.current;
    const [last = 0] = await idsOf({ limit: 1 });
    const broken = db.transaction(async (failing) => {
      await allocate(failing, 'development', [aRequest({ key: `before ${key}` })], { leaseSeconds: LEASE_SECONDS });
      throw new Error('it failed');
    });
    await expect(broken).rejects.toThrow('it failed');
    await takeAddress(ledger.current, aRequest({ key, pool: 'docker' }));
    expect(await idsOf({ limit: 1 })).toEqual([last + 2]);
    return last;
  }

  test('holds a follower back for a minute at most, and never for an unused id', async () => {
    const { db } = ledger.current;
    const [last] = await idsOf({ limit: 1 });
    const keysSince = async () => (await followAudit(db, last ?? 0)).entries.map(({ key }) => key);
    const broken = db.transaction(async (failing) => {
      await allocate(failing, 'development', [aRequest({ key: 'failed' })], { leaseSeconds: LEASE_SECONDS });
      throw new Error('it failed');
    });
    await expect(broken).rejects.toThrow('it failed');
    await takeAddress(ledger.current, aRequest({ key: 'behind the gap', pool: 'docker' }));
    await eventually(async () => {
      expect(await keysSince()).toEqual(['behind the gap']);
    });
    await db.transaction(async (stuck) => {
      await allocate(stuck, 'development', [aRequest({ key: 'stuck' })], { leaseSeconds: LEASE_SECONDS });
      await takeAddress(ledger.current, aRequest({ key: 'behind the stuck', pool: 'docker' }));
      expect(await keysSince()).not.toContain('behind the stuck');
      await ledger.current.advance(61);
      expect(await keysSince()).toEqual(['behind the gap', 'behind the stuck']);
    });
  });
});
