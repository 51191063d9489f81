import { expect, test } from 'vitest';
import type { ClusterView } from '../../api/console.ts';
import { problemsOf } from './problems.ts';

const NOW = new Date('2026-01-31T12:00:00Z');
const HEALTHY: ClusterView = {
  clusterId: 'c',
  name: 'staging',
  registeredAt: '2026-01-01T00:00:00Z',
  adoptedAt: '2026-01-01T00:00:00Z',
  lastResyncAt: '2026-01-31T11:58:00Z',
  reportedEpoch: 1,
  addresses: 10,
  orphaned: 0,
  objects: 8,
};
const LEDGER = { epoch: 1 } as never;

function kinds(changes: Partial<ClusterView>, ledger = LEDGER) {
  return problemsOf({ ...HEALTHY, ...changes }, ledger, NOW).map(({ text }) => text.split(/[.:]/)[0]);
}

test('a healthy cluster has no problem', () => {
  expect(kinds({})).toEqual([]);
});

test.each([
  [{ sharedSince: '2026-01-31T11:00:00Z' }, 'Another control plane has the identity of this cluster'],
  [{ adoptedAt: undefined }, 'Its initial sync has not ended, so it may not allocate yet'],
  [{ reportedEpoch: 0 }, 'It has not reported its addresses since epoch 1 began'],
  [
    { lastResyncAt: '2026-01-31T10:00:00Z' },
    'Its last resync is more than an hour ago, so nothing is released automatically',
  ],
  [{ orphaned: 1_200 }, '1,200 of its addresses are orphaned'],
])('%j is a problem', (changes, text) => {
  expect(kinds(changes)).toEqual([text]);
});

test('a retired cluster need not resync', () => {
  expect(kinds({ retiredAt: '2026-01-20T00:00:00Z', lastResyncAt: '2026-01-19T00:00:00Z' })).toEqual([]);
});
