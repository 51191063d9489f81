import { expect, test } from 'vitest';
import { clusterFindings, type KnownCluster } from './cluster-findings.ts';

const now = new Date('2026-01-31T12:00:00Z');
const shop: KnownCluster = {
  name: 'shop',
  adoptedAt: new Date('2026-01-01T12:00:00Z'),
  lastResyncAt: new Date('2026-01-31T11:57:00Z'),
};

test.each<[string, Partial<KnownCluster>, string, RegExp]>([
  ['that resynced lately', {}, 'ok', /last resync 3m ago/],
  ['whose resync is overdue', { lastResyncAt: new Date('2026-01-31T10:00:00Z') }, 'warning', /not for 2h/],
  ['before its initial sync', { adoptedAt: undefined }, 'warning', /may not allocate/],
  ['with two control planes', { sharedSince: now }, 'error', /two control planes/],
])('a cluster %s', (_, more, level, message) => {
  const findings = clusterFindings([{ ...shop, ...more }], now);
  expect(findings).toEqual([expect.objectContaining({ level, message: expect.stringMatching(message) as string })]);
});

test('a retired cluster needs nothing', () => {
  expect(clusterFindings([{ ...shop, retiredAt: now, sharedSince: now }], now)).toEqual([]);
});
