import { expect, test } from 'vitest';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import { CALLS } from './calls.ts';
import type { ConsoleSource } from './source.ts';

const entry = {
  metadata: { name: '7', creationTimestamp: '2026-01-31T12:00:00Z' },
  timestamp: '2026-01-31T12:00:00.000Z',
  action: 'allocate',
} as AuditEntryObject;

test.each([
  [false, 'rock-mac-audit.json'],
  [true, 'rock-mac-audit-newest-1.json'],
])('the name of a download says whether older changes are left out: %s', async (isCut, name) => {
  const source = { audit: () => Promise.resolve({ entries: [entry], isCut }) } as unknown as ConsoleSource;
  const reply = await CALLS.get('/api/audit.json')?.run(source, {}, new AbortController().signal);
  expect(reply).toMatchObject({ kind: 'file', name });
});
