import { expect, test } from 'vitest';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import type { LedgerReader } from './ledger-reader.ts';
import { auditEntriesOfLedger } from './read-ledger.ts';

/** The largest page of the read API. */
const PAGE = 5_000;

/** Returns a reader of an audit with so many entries, which gives no more than a page at once. */
function readerOf(total: number): LedgerReader {
  const entries = Array.from(
    { length: total },
    (_, n) => ({ metadata: { name: String(total - n) } }) as AuditEntryObject,
  );
  return {
    list: (_kind, { limit = PAGE, after = '0' }) => {
      const end = Number(after) + Math.min(limit, PAGE);
      const items = entries.slice(Number(after), end) as never[];
      return Promise.resolve({ items, next: end < total ? String(end) : undefined });
    },
    get: () => Promise.resolve(undefined),
  };
}

test.each([
  [12_000, 12_000, false],
  [5_000, 5_000, false],
  [100_001, 100_000, true],
])('of %i entries of the audit, %i are read', async (total, read, isCut) => {
  const page = await auditEntriesOfLedger({ limit: 100_000 }, readerOf(total));
  expect({ read: page.entries.length, isCut: page.isCut }).toEqual({ read, isCut });
  expect(page.entries.at(-1)?.metadata.name).toBe(String(total - read + 1));
});
