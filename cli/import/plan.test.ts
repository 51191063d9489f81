import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import type { ImportEntry } from './entries.ts';
import { decide } from './plan.ts';

const entry: ImportEntry = {
  ...{ place: { file: 'a.csv', line: 2 }, mac: mac('a4:58:0f:01:00:00'), deviceId: 'web', deviceType: undefined },
  ...{ defaultType: 'host', pool: undefined, metadata: {} },
};
const pool = 'development';

test.each(['imported', 'updated', 'unchanged', 'differs'] as const)('an entry that is %s is no conflict', (outcome) => {
  expect(decide(entry, { outcome, pool })).toEqual({ kind: outcome, entry, pool });
  expect(decide({ ...entry, pool: 'docker' }, { outcome, pool })).toMatchObject({
    conflict: { kind: 'other-pool', detail: 'it is in pool development, not in docker' },
  });
});

const device = { device: { id: 'db' } };
const owner = { owner: { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', nic: 'eth0' } };

test.each([
  [{ outcome: 'in_no_pool' }, 'outside', 'no pool of the ledger has this address'],
  [{ outcome: 'in_use', pool, holder: { state: 'active', ...owner } }, 'held', 'active for team/web'],
  [{ outcome: 'in_use', pool, holder: { state: 'stocked' } }, 'held', 'stocked for another owner'],
  [
    { outcome: 'in_reuse_delay', pool, holder: { state: 'released', ...device, until: new Date(2026, 0, 31, 9, 5) } },
    'reuse-delay',
    'it was released by db, and is not free until 2026-01-31 09:05',
  ],
  [
    { outcome: 'in_reuse_delay', pool, holder: { state: 'released' } },
    'reuse-delay',
    'it was released, and is not free until the reuse delay is over',
  ],
  [{ outcome: 'observed', pool }, 'observed', 'a live object uses it, and the ledger gave it to nobody'],
  [{ outcome: 'pool_paused', pool }, 'pool-closed', 'pool development is paused'],
  [
    { outcome: 'prefix_not_seen', pool },
    'pool-closed',
    'not every cluster has looked for addresses of the prefix of pool development',
  ],
  [{ outcome: 'too_large', pool }, 'bad-value', 'its metadata is too large together with that in the ledger'],
  [
    { outcome: 'invalid', why: 'deviceId is longer than 512 octets' },
    'bad-value',
    'deviceId is longer than 512 octets',
  ],
] as const)('%j is a conflict', (outcome, kind, detail) => {
  expect(decide(entry, outcome)).toEqual({
    kind: 'conflict',
    conflict: { place: { file: 'a.csv', line: 2 }, kind, mac: 'a4:58:0f:01:00:00', device: 'web', detail },
  });
});
