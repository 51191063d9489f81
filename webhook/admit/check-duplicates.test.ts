import { expect, test } from 'vitest';
import type { Observation } from '../../ledger/observation/observations.ts';
import { mac } from '../../mac/mac-address.ts';
import { checkDuplicates } from './check-duplicates.ts';

const outside = Array.from({ length: 64 }, (_, index) => ({
  nic: `n${String(index)}`,
  mac: mac(`02:00:00:00:00:${index.toString(16).padStart(2, '0')}`),
}));

/** Checks a machine whose interfaces are all on the network `web/blue`, and counts how often its spec is read. */
async function check(found: readonly Observation[]) {
  let reads = 0;
  const names = outside.map(({ nic }) => ({ name: nic, multus: { networkName: 'blue' } }));
  const interfaces = outside.map(({ nic, mac: macAddress }) => ({ name: nic, macAddress }));
  const object = {
    metadata: { name: 'vm', annotations: undefined },
    get spec() {
      reads++;
      return { runStrategy: 'Always', template: { spec: { domain: { devices: { interfaces } }, networks: names } } };
    },
  };
  const checked = await checkDuplicates(
    outside,
    { kind: 'VirtualMachine', namespace: 'web', name: 'vm', object },
    {
      mode: 'warn',
      ledger: { query: () => Promise.resolve(found as never) },
      clusterId: 'c',
      segmentOf: (network) => network ?? '',
      isLedgerAway: () => false,
      now: () => new Date(),
    },
    Date.now() + 3_000,
  );
  return { checked, reads };
}

function observed(address: (typeof outside)[number], changes: Partial<Observation> = {}): Observation {
  return {
    mac: address.mac,
    object: { clusterId: 'c', kind: 'Pod', namespace: 'web', name: 'other', uid: 'u', nic: 'eth0' },
    limited: false,
    migrates: false,
    running: true,
    segment: 'web/blue',
    since: new Date(),
    ...changes,
  };
}

test('a machine is read as often for many duplicates as for one, and less if nobody uses its addresses', async () => {
  const [none, one, all] = [
    await check([]),
    await check(outside.slice(0, 1).map((each) => observed(each))),
    await check(outside.map((each) => observed(each))),
  ];
  expect(none.checked).toEqual({ ok: true, warnings: [] });
  expect(one.checked).toMatchObject({ ok: true, warnings: [expect.stringContaining('Pod other')] });
  expect(all.checked.ok && all.checked.warnings).toHaveLength(outside.length);
  expect(all.reads).toBe(one.reads);
  expect(none.reads).toBeLessThan(one.reads);
});

test.each<[string, Partial<Observation>]>([
  ['in another segment', { segment: 'web/red' }],
  ['that takes part in a migration', { migrates: true }],
])('an object %s is no duplicate', async (_, changes) => {
  const { checked } = await check(outside.map((each) => observed(each, changes)));
  expect(checked).toEqual({ ok: true, warnings: [] });
});
