import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import type { PoolCounts } from '../backend.ts';
import { poolFindings } from './pool-findings.ts';

const lab: PoolCounts = {
  pool: 'lab',
  description: '',
  first: mac('a4:58:0f:10:00:00'),
  last: mac('a4:58:0f:10:00:ff'),
  paused: false,
  free: 200,
  utilisation: 21.9,
};

test.each<[string, Partial<PoolCounts>, string, RegExp]>([
  ['with room', {}, 'ok', /1 pool\(s\)/],
  ['that is nearly full', { free: 30, utilisation: 88.3 }, 'warning', /88\.3% of pool lab/],
  ['without a free address', { free: 0, utilisation: 100 }, 'error', /no free address/],
  ['that is paused', { paused: true, free: 0, utilisation: 100 }, 'warning', /paused/],
  ['with orphaned addresses', { orphaned: 3 }, 'warning', /3 address\(es\) of pool lab may still be in use/],
  ['with addresses that strangers use', { observed: 2 }, 'warning', /do not own them/],
  ['whose counts are unknown', { free: undefined, utilisation: undefined }, 'ok', /1 pool\(s\)/],
])('a pool %s', (_, more, level, message) => {
  const findings = poolFindings([{ ...lab, ...more }], 'rock-mac');
  expect(findings).toEqual([expect.objectContaining({ level, message: expect.stringMatching(message) as string })]);
});

test('without any pool nothing can be handed out', () => {
  expect(poolFindings([], 'rock-mac')).toEqual([expect.objectContaining({ level: 'error' })]);
});
