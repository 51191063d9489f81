import { expect, test } from 'vitest';
import type { LedgerObject } from '../../api/ledger-view.ts';
import { ledgerFindings } from './ledger-findings.ts';

const now = new Date('2026-01-31T12:00:00Z');
const seal = { seq: 7, sealedAt: '2026-01-31T11:59:50.000Z', hash: 'ab' };
const ledger: LedgerObject = {
  apiVersion: 'x',
  kind: 'Ledger',
  metadata: { name: 'id' },
  prefixes: [],
  epoch: 1,
  mode: 'open',
  durability: 'single',
  waitsFor: [],
  needsApproval: false,
  auditHead: 10,
  unsealed: 2,
  forks: 0,
  lastSeal: seal,
  schemaVersion: 24,
  postgresVersion: '18.1',
};

test('a healthy ledger is ok in every line', () => {
  expect(ledgerFindings(ledger, now).map(({ level }) => level)).toEqual(['ok', 'ok', 'ok', 'ok']);
});

test.each<[string, Partial<LedgerObject>, string, string, RegExp]>([
  ['that is closed', { closed: 'Paused. Resume it.' }, 'state', 'error', /^Paused\. Resume it\.$/],
  ['whose clock is not believed', { expiryHeld: 'The clock jumped.' }, 'expiry', 'warning', /jumped/],
  ['with a fork', { forks: 1 }, 'audit', 'warning', /may have lost seals/],
  ['that nobody seals', { lastSeal: { ...seal, sealedAt: '2026-01-31T11:00:00Z' } }, 'audit', 'warning', /1h ago/],
])('a ledger %s', (_, more, subject, level, message) => {
  const bad = ledgerFindings({ ...ledger, ...more }, now).filter((finding) => finding.level !== 'ok');
  expect(bad).toEqual([expect.objectContaining({ subject, level, message: expect.stringMatching(message) as string })]);
});

test('a ledger with an old seal and no new rows is sealed', () => {
  const idle = { ...ledger, unsealed: 0, lastSeal: { ...seal, sealedAt: '2026-01-01T00:00:00Z' } };
  expect(ledgerFindings(idle, now).every(({ level }) => level === 'ok')).toBe(true);
});
