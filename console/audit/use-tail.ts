import { useEffect, useState } from 'preact/hooks';
import type { AuditEntries } from '../../api/console.ts';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import type { Client, Query } from '../shared/client.ts';
import { entryId, followAudit, mergeEntries, startOf } from './follow.ts';

/** More entries are not kept, so that a page that is open for days stays small. */
const MAX_ENTRIES = 1_000;
const RETRY_MS = 2_000;

export interface Tail {
  /** The newest first. */
  readonly entries: readonly AuditEntryObject[];
  /** Whether an entry came after the page was opened. */
  readonly isNew: (entry: AuditEntryObject) => boolean;
}

/** Adds new entries to a page of the audit. Each request waits on the server until there is one. */
export function useTail(
  client: Client,
  key: string,
  page: AuditEntries | undefined,
  query: Query,
  isLive: boolean,
): Tail {
  const [later, setLater] = useState<readonly AuditEntryObject[]>([]);

  useEffect(() => {
    setLater([]);
  }, [key, page]);

  useEffect(() => {
    if (page === undefined || !isLive) return;
    const controller = new AbortController();
    void followAudit({
      afterId: startOf(page),
      read: (afterId, signal) => client.get('/api/audit', { ...query, afterId, limit: 100 }, signal),
      onEntries: (entries) => {
        setLater((before) => [...entries.toReversed(), ...before].slice(0, MAX_ENTRIES));
      },
      pause: () => new Promise((resolve) => setTimeout(resolve, RETRY_MS)),
      now: () => performance.now(),
      signal: controller.signal,
    });
    return () => {
      controller.abort();
    };
  }, [key, page, isLive]);

  const { entries, newIds } = mergeEntries(page?.entries ?? [], later);
  return { entries: entries.slice(0, MAX_ENTRIES), isNew: (entry) => newIds.has(entryId(entry)) };
}
