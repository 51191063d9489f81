import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { applyManifests, type Fresh, freshNamespace, sharedKubectl } from '../env/testing.ts';

/*
 * Tests every rule, default, column and selectable field of the two kinds on an API server alone. No operator or webhook runs
 * here, so all of them come from the CustomResourceDefinitions.
 */

const crds = path.join(import.meta.dirname, '..', '..', 'crds');
let namespace: Fresh;
const pools: string[] = [];

beforeAll(async () => {
  await applyManifests(sharedKubectl(), [crds]);
  namespace = await freshNamespace();
});
afterAll(async () => {
  await kubectl(['delete', 'mp', ...pools]);
  await namespace.remove();
});

async function kubectl(args: readonly string[], input?: unknown): Promise<string> {
  return await sharedKubectl()(
    ['-n', namespace.name, ...args],
    input === undefined ? {} : { input: JSON.stringify(input) },
  );
}

type Spec = Record<string, unknown>;

async function createClaim(name: string, spec: Spec): Promise<string> {
  const kind = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacAllocation' };
  return await kubectl(['create', '-f', '-', '-o', 'name'], { ...kind, metadata: { name }, spec });
}

/** Creates a pool with a new name. Ranges may overlap here, because no operator checks them. */
async function createPool(spec: Spec): Promise<string> {
  const name = `${namespace.name}-${String(pools.length)}`;
  const kind = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool' };
  await kubectl(['create', '-f', '-'], { ...kind, metadata: { name }, spec });
  pools.push(name);
  return name;
}

async function patch(what: string, name: string, change: object, ...more: readonly string[]): Promise<string> {
  return await kubectl(['patch', what, name, '--type=merge', '-p', JSON.stringify(change), ...more]);
}

async function specOf(what: string, name: string): Promise<unknown> {
  return z.object({ spec: z.unknown() }).parse(JSON.parse(await kubectl(['get', what, name, '-o', 'json']))).spec;
}

const consumerRef = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', nic: 'n' };
const whole = {
  pool: 'production',
  device: { id: 'host-1', type: 'qemu-vm' },
  requestedMac: 'A4-58-0F-00-12-34',
  reserved: true,
  attributes: { rack: 'a7' },
  expiresAfter: '1d12h',
  renewedAt: '2026-01-02T03:04:05Z',
  requester: { username: 'ada', uid: '1', groups: ['fleet'] },
};
const mirror = {
  pool: 'production',
  reserved: false,
  mac: 'a4:58:0f:00:12:38',
  requester: { username: 'ada' },
  consumerRef,
  ledger: { generation: 1, clusterId: 'c' },
};

const stickyFor = { apiVersion: 'v1', kind: 'Pod', name: 'web-0', nic: 'n' };
const sticky = {
  pool: 'production',
  reserved: false,
  mac: 'a4:58:0f:00:12:39',
  requester: { username: 'ada' },
  stickyFor,
  ledger: { generation: 1, clusterId: 'c' },
};

describe('a MacAllocation', () => {
  beforeAll(async () => {
    await createClaim('whole', whole);
    await createClaim('bare', { pool: 'production' });
    await createClaim('mirror', mirror);
    await createClaim('sticky', sticky);
  });

  test('is stored as it was written, with every field and in any notation of an address', async () => {
    expect(await specOf('ma', 'whole')).toEqual(whole);
    expect(await specOf('ma', 'mirror')).toEqual(mirror);
    expect(await specOf('ma', 'sticky')).toEqual(sticky);
    for (const [index, requestedMac] of ['a458.0f00.1235', 'A4580F001236', 'a4:58:0F:00:12:37'].entries()) {
      await createClaim(`notation-${String(index)}`, { pool: 'production', requestedMac });
    }
  });

  test('may have addresses and a host name among its attributes, in any notation', async () => {
    const attributes = { ip: '192.0.2.7,2001:DB8:0::7', hostname: 'Web-1.example.org' };
    await createClaim('attributes', { pool: 'production', attributes });
    expect(await specOf('ma', 'attributes')).toEqual({ pool: 'production', reserved: false, attributes });
  });

  test('is not reserved by default', async () => {
    expect(await specOf('ma', 'bare')).toEqual({ pool: 'production', reserved: false });
  });

  const others: readonly [keyof typeof whole, unknown][] = [
    ['pool', 'development'],
    ['device', { id: 'host-2', type: 'qemu-vm' }],
    ['requestedMac', 'a4:58:0f:00:12:35'],
    ['reserved', false],
    ['attributes', { rack: 'b1' }],
    ['expiresAfter', '2d'],
    ['requester', { username: 'eve', uid: '1', groups: ['fleet'] }],
  ];
  const othersOfMirror: readonly [keyof typeof mirror, unknown][] = [
    ['mac', 'a4:58:0f:00:12:39'],
    ['consumerRef', { ...consumerRef, name: 'q' }],
    ['ledger', { generation: 2, clusterId: 'c' }],
  ];

  test.each(others)('does not allow its %s to be changed or removed', async (field, other) => {
    const message = new RegExp(`${field} is immutable: create a new MacAllocation instead`);
    await expect(patch('ma', 'whole', { spec: { [field]: other } })).rejects.toThrow(message);
    // A removed field gets its default, if it has one. A required field must not be absent.
    const removed = patch('ma', 'whole', { spec: { [field]: null } });
    await expect(removed).rejects.toThrow(field === 'pool' ? /spec.pool: Required value/ : message);
  });

  test.each(othersOfMirror)('of the operator does not allow its %s to be changed or removed', async (field, other) => {
    await expect(patch('ma', 'mirror', { spec: { [field]: other } })).rejects.toThrow(`${field} is immutable`);
    await expect(patch('ma', 'mirror', { spec: { [field]: null } })).rejects.toThrow('use requestedMac');
  });

  test('of the operator does not become a claim, nor a claim one of the operator', async () => {
    const { mac, ledger } = mirror;
    const none = { consumerRef: null, mac: null, ledger: null };
    await expect(patch('ma', 'mirror', { spec: none })).rejects.toThrow('consumerRef is immutable');
    await expect(patch('ma', 'bare', { spec: { consumerRef, mac, ledger } })).rejects.toThrow(
      'consumerRef is immutable',
    );
  });

  test('for a name never belongs to another name or interface, nor becomes a claim or a mirror', async () => {
    for (const [field, value] of Object.entries({ kind: 'VirtualMachine', name: 'web-1', nic: 'm' })) {
      await expect(patch('ma', 'sticky', { spec: { stickyFor: { [field]: value } } })).rejects.toThrow(
        'kind, name and nic of stickyFor are immutable',
      );
    }
    const { mac, ledger } = sticky;
    await expect(patch('ma', 'sticky', { spec: { stickyFor: null, mac: null, ledger: null } })).rejects.toThrow(
      'stickyFor can be neither added nor removed',
    );
    await expect(patch('ma', 'bare', { spec: { stickyFor, mac, ledger } })).rejects.toThrow(
      'stickyFor can be neither added nor removed',
    );
    await expect(patch('ma', 'sticky', { spec: { stickyFor: null, consumerRef } })).rejects.toThrow(
      'consumerRef is immutable',
    );
    await expect(patch('ma', 'sticky', { spec: { mac: 'a4:58:0f:00:12:40' } })).rejects.toThrow('mac is immutable');
  });

  test('for a name may follow the controller of its workload', async () => {
    const found = {
      controller: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web' },
      ordinal: 0,
      retention: { whenScaled: 'Release', whenDeleted: 'Retain' },
    };
    await patch('ma', 'sticky', { spec: { stickyFor: found } });
    expect(await specOf('ma', 'sticky')).toEqual({ ...sticky, stickyFor: { ...stickyFor, ...found } });
    await patch('ma', 'sticky', { spec: { stickyFor: { controller: null, ordinal: null, retention: null } } });
    expect(await specOf('ma', 'sticky')).toEqual(sticky);
  });

  test.each(others.filter(([field]) => field !== 'pool' && field !== 'reserved'))(
    'that was created without %s never gets one',
    async (field) => {
      await expect(patch('ma', 'bare', { spec: { [field]: whole[field] } })).rejects.toThrow(
        new RegExp(`${field} is immutable`),
      );
    },
  );

  test('does not allow groups to be removed from its requester', async () => {
    await expect(patch('ma', 'whole', { spec: { requester: { groups: null } } })).rejects.toThrow(/requester is/);
  });

  test('may be renewed, and its renewal may be removed', async () => {
    await patch('ma', 'whole', { spec: { renewedAt: '2026-02-03T04:05:06Z' } });
    await patch('ma', 'whole', { spec: { renewedAt: null } });
    await patch('ma', 'whole', { spec: { renewedAt: whole.renewedAt } });
  });

  test.each<[string, Spec, RegExp]>([
    ['no pool', {}, /spec.pool: Required value/],
    ['an empty pool', { pool: '' }, /spec.pool/],
    ['a pool name that is too long', { pool: 'p'.repeat(64) }, /spec.pool/],
    ['an invalid MAC', { pool: 'p', requestedMac: 'a4:58' }, /spec.requestedMac/],
    ['a MAC in a mixture of notations', { pool: 'p', requestedMac: 'a4:58-0f:00:00:01' }, /spec.requestedMac/],
    ['an invalid duration', { pool: 'p', expiresAfter: 'soon' }, /spec.expiresAfter/],
    ['a duration without a unit', { pool: 'p', expiresAfter: '48' }, /spec.expiresAfter/],
    ['an invalid time', { pool: 'p', renewedAt: 'yesterday' }, /spec.renewedAt/],
    ['an attribute that is not a string', { pool: 'p', attributes: { rack: 7 } }, /spec.attributes.rack/],
    ['an attribute that is too long', { pool: 'p', attributes: { a: 'x'.repeat(1_025) } }, /spec.attributes.a/],
    ['a device with a direction mark', { pool: 'p', device: { id: 'vm-\u202etsop' } }, /spec.device.id/],
    ['a device with a line end', { pool: 'p', device: { id: 'a\nb' } }, /spec.device.id/],
    ['a type with an escape sequence', { pool: 'p', device: { type: '\u001b[2J' } }, /spec.device.type/],
    ['an attribute with a zero-width space', { pool: 'p', attributes: { rack: 'a\u200b7' } }, /spec.attributes.rack/],
    ['an ip that is none', { pool: 'p', attributes: { ip: '192.0.2.7,192.0.2.700' } }, /attribute ip is up to 16/],
    ['an ip that is multicast', { pool: 'p', attributes: { ip: 'ff02::1' } }, /attribute ip is up to 16/],
    ['too many of ip', { pool: 'p', attributes: { ip: Array(17).fill('192.0.2.7').join(',') } }, /ip is up to 16/],
    [
      'a hostname with an underscore',
      { pool: 'p', attributes: { hostname: 'web_1' } },
      /attribute hostname has letters/,
    ],
    ['a hostname like an address', { pool: 'p', attributes: { hostname: '192.0.2.7' } }, /attribute hostname has/],
    ['the name of an attribute with a tag', { pool: 'p', attributes: { 'a\u{e0041}': '7' } }, /that nobody sees/],
    [
      'too many attributes',
      {
        pool: 'p',
        attributes: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${String(index)}`, ''])),
      },
      /spec.attributes/,
    ],
    ['a reservation that is not a boolean', { pool: 'p', reserved: 'maybe' }, /spec.reserved/],
    ['a consumer without a uid', { ...mirror, consumerRef: { ...consumerRef, uid: undefined } }, /consumerRef.uid/],
    ['an address and no consumer', { ...mirror, consumerRef: undefined }, /use requestedMac/],
    ['a consumer and no address', { ...mirror, mac: undefined }, /use requestedMac/],
    ['a consumer and no record in the ledger', { ...mirror, ledger: undefined }, /use requestedMac/],
    ['both a consumer and a name', { ...mirror, stickyFor }, /use requestedMac/],
    ['a name and no address', { ...sticky, mac: undefined }, /use requestedMac/],
    ['a name and no record in the ledger', { ...sticky, ledger: undefined }, /use requestedMac/],
    [
      'a name and another word for its end',
      { ...sticky, stickyFor: { ...stickyFor, retention: { whenScaled: 'Keep', whenDeleted: 'Retain' } } },
      /whenScaled/,
    ],
    ['an address in another notation', { ...mirror, mac: 'A4:58:0F:00:00:01' }, /spec.mac/],
    ['a requester without a name', { pool: 'p', requester: { uid: '1' } }, /requester.username/],
    ['a device name that is too long', { pool: 'p', device: { id: 'x'.repeat(254) } }, /spec.device.id/],
    ['a field that does not exist', { pool: 'p', macAddress: 'a4:58:0f:00:00:01' }, /unknown field "spec.macAddress"/],
  ])('with %s is refused', async (_, spec, message) => {
    await expect(createClaim('refused', spec)).rejects.toThrow(message);
  });

  const status = {
    mac: 'a4:58:0f:00:12:34',
    expiresAt: '2026-03-04T05:06:07Z',
    consumer: consumerRef,
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Allocated',
        message: 'm',
        lastTransitionTime: '2026-01-02T03:04:05Z',
      },
    ],
    ledger: { generation: 1, clusterId: 'c' },
  };

  test('does not allow the address in its status to be changed or removed', async () => {
    await patch('ma', 'whole', { status }, '--subresource=status');
    for (const mac of ['a4:58:0f:00:12:35', null]) {
      await expect(patch('ma', 'whole', { status: { mac } }, '--subresource=status')).rejects.toThrow(
        /status.mac is set once and never changes/,
      );
    }
    await patch('ma', 'whole', { status: { observedGeneration: 2 } }, '--subresource=status');
  });

  test('ignores the status in a write of the object, and the spec in a write of the status', async () => {
    await patch('ma', 'bare', { status });
    expect(await kubectl(['get', 'ma', 'bare', '-o', 'jsonpath={.status}'])).toBe('');
    await patch('ma', 'bare', { spec: { renewedAt: whole.renewedAt } }, '--subresource=status');
    expect(await specOf('ma', 'bare')).not.toHaveProperty('renewedAt');
  });

  test.each<[string, object, RegExp]>([
    ['an address in another notation', { mac: 'A4:58:0F:00:00:01' }, /status.mac/],
    ['generation 0', { ledger: { generation: 0, clusterId: 'c' } }, /status.ledger.generation/],
    ['a condition with an unknown status', { conditions: [{ ...status.conditions[0], status: 'Yes' }] }, /status/],
    ['one condition twice', { conditions: [status.conditions[0], status.conditions[0]] }, /Duplicate value/],
  ])('refuses a status with %s', async (_, wrong, message) => {
    await expect(patch('ma', 'bare', { status: wrong }, '--subresource=status')).rejects.toThrow(message);
  });

  test('has its main columns by default and more with -o wide', async () => {
    const lines = (await kubectl(['get', 'ma', 'whole'])).trim().split('\n');
    expect(lines[0]?.split(/\s{2,}/)).toEqual(['NAME', 'POOL', 'MAC', 'READY', 'REASON', 'DEVICE', 'AGE']);
    expect(lines[1]?.split(/\s{2,}/).slice(0, 6)).toEqual([
      ...['whole', 'production', 'a4:58:0f:00:12:34', 'True', 'Allocated', 'host-1'],
    ]);
    const wide = (await kubectl(['get', 'ma', 'whole', '-o', 'wide'])).trim().split('\n');
    expect(wide[0]).toMatch(/CONSUMER +REQUESTER +EXPIRES$/);
    expect(wide[1]).toMatch(/p +ada +2026-03-04T05:06:07Z$/);
  });

  test('of the operator has its address and its consumer in the same columns, and no status', async () => {
    const [, line] = (await kubectl(['get', 'ma', 'mirror', '-o', 'wide'])).trim().split('\n');
    expect(line).toMatch(/^mirror +production +a4:58:0f:00:12:38 +\d+s +p +ada *$/);
  });

  test.each([
    ['status.mac=a4:58:0f:00:12:34', 'whole'],
    ['spec.device.id=host-1', 'whole'],
    ['spec.mac=a4:58:0f:00:12:38', 'mirror'],
  ])('is found by the field %s', async (selector, name) => {
    expect(await kubectl(['get', 'ma', '--field-selector', selector, '-o', 'name'])).toBe(
      `macallocation.mac.rock-os.io/${name}\n`,
    );
  });

  test('is found by its pool, and not by a field that is not selectable', async () => {
    expect(await kubectl(['get', 'ma', '--field-selector', 'spec.pool=production', '-o', 'name'])).toContain('bare');
    await expect(kubectl(['get', 'ma', '--field-selector', 'spec.reserved=true'])).rejects.toThrow(/not supported/);
  });
});

describe('a MacPool', () => {
  const range = { first: 'a4:58:0f:a0:00:00', last: 'a4:58:0f:a0:00:0f' };

  test('has a reuse delay, is sequential, is not paused, and has no automatic release by default', async () => {
    expect(await specOf('mp', await createPool(range))).toEqual({
      ...range,
      reuseDelay: '1h',
      paused: false,
    });
  });

  test('may grow at its end, be paused, and change its description and its strategy', async () => {
    const name = await createPool(range);
    await patch('mp', name, { spec: { last: 'a4:58:0f:a0:00:ff', paused: true, description: 'larger' } });
    await patch('mp', name, { spec: { paused: false, strategy: 'random' } });
    await patch('mp', name, { spec: { strategy: 'sequential' } });
  });

  test('has its addresses in any notation, which may change', async () => {
    const name = await createPool({ first: 'A4-58-0F-A0-00-00', last: 'a458.0fa0.000f' });
    await patch('mp', name, { spec: { first: range.first, last: 'A4580FA000FF' } });
    await expect(patch('mp', name, { spec: { last: 'A4580FA000FE' } })).rejects.toThrow(/not shrink/);
  });

  test.each<[string, Spec, RegExp]>([
    ['another first address', { first: 'a4:58:0f:a0:00:01' }, /first is immutable: add another pool instead/],
    ['no first address', { first: null }, /spec.first: Required value/],
    ['a smaller end', { last: 'a4:58:0f:a0:00:0e' }, /a pool may grow at its end, but not shrink/],
    ['no end', { last: null }, /spec.last: Required value/],
  ])('that exists does not accept %s', async (_, change, message) => {
    await expect(patch('mp', await createPool(range), { spec: change })).rejects.toThrow(message);
  });

  test.each<[string, Spec, RegExp]>([
    ['an end before its beginning', { ...range, last: 'a4:58:0f:9f:ff:ff' }, /first must not be greater than last/],
    ['an address of mixed notation', { ...range, first: 'A4-58-0F-A0:00:00' }, /spec.first/],
    ['an end before its beginning in another notation', { ...range, last: 'A458.0F9F.FFFF' }, /first must not be/],
    ['no end', { first: range.first }, /spec.last: Required value/],
    ['an invalid period', { ...range, autoReleaseAfter: 'never' }, /spec.autoReleaseAfter/],
    ['an empty delay', { ...range, reuseDelay: '' }, /spec.reuseDelay/],
    ['a strategy that nobody knows', { ...range, strategy: 'chaotic' }, /spec.strategy: Unsupported value/],
    ['a description that is too long', { ...range, description: 'x'.repeat(257) }, /spec.description/],
  ])('with %s is refused', async (_, spec, message) => {
    await expect(createPool(spec)).rejects.toThrow(message);
  });

  test('has its main columns by default and more with -o wide', async () => {
    const name = await createPool({ ...range, autoReleaseAfter: '1d' });
    const counts = {
      active: 1,
      pending: 2,
      stocked: 7,
      reserved: 3,
      released: 4,
      orphaned: 5,
      free: 6,
      utilisation: '12.5%',
      strategy: 'random',
    };
    await patch('mp', name, { status: counts }, '--subresource=status');
    const lines = (await kubectl(['get', 'mp', name, '-o', 'wide'])).trim().split('\n');
    expect(lines[0]?.split(/\s{2,}/)).toEqual([
      ...['NAME', 'FIRST', 'LAST', 'ACTIVE', 'PENDING', 'FREE', 'USED', 'READY', 'REASON', 'AGE'],
      ...['STOCKED', 'RESERVED', 'RELEASED', 'ORPHANED', 'AUTORELEASE', 'STRATEGY'],
    ]);
    expect(lines[1]).toMatch(/ 1 +2 +6 +12.5% +\d+s +7 +3 +4 +5 +1d +random$/);
    const narrow = (await kubectl(['get', 'mp', name])).split('\n')[0];
    expect(narrow).not.toContain('RESERVED');
    await expect(patch('mp', name, { status: { free: -1 } }, '--subresource=status')).rejects.toThrow(/status.free/);
  });
});

test.each([
  ['macallocation', 'Reserves the address permanently'],
  ['macallocation.status', 'The state of the address in the ledger'],
  ['macpool.spec', 'It may only grow.'],
  ['macpool.status', 'Addresses that were allocated at admission'],
])('kubectl explain %s describes the fields', async (what, text) => {
  const explained = await kubectl(['explain', what === 'macallocation' ? 'macallocation.spec' : what]);
  expect(explained).toContain(text);
});
