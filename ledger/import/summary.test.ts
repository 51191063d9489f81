import { expect, test } from 'vitest';
import type { LegacyAllocation } from './predecessor-sqlite.ts';
import { summarizeLegacy } from './summary.ts';

const row = (changes: Partial<LegacyAllocation>): LegacyAllocation => ({
  mac_address: 'a4:58:0f:01:00:00',
  pool: 'development',
  device_id: '',
  device_type: '',
  metadata: '',
  allocated_at: '',
  released_at: '',
  status: 'active',
  ...changes,
});

test('addresses are counted by pool and state, and the newest is known', () => {
  const summary = summarizeLegacy([
    row({ allocated_at: '2024-03-01 10:00:00' }),
    row({ pool: 'docker', status: 'released' }),
    row({ status: 'reserved', allocated_at: '2024-05-01 10:00:00' }),
    row({ allocated_at: '2024-04-01 10:00:00' }),
    row({ allocated_at: 'yesterday' }),
  ]);
  expect(summary).toEqual({
    total: 5,
    pools: [
      { pool: 'development', states: { active: 3, reserved: 1 } },
      { pool: 'docker', states: { released: 1 } },
    ],
    newest: new Date('2024-05-01T10:00:00Z'),
  });
});

test('a file without addresses has no newest one', () => {
  expect(summarizeLegacy([])).toEqual({ total: 0, pools: [], newest: undefined });
});
