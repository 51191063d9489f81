import { useEffect, useState } from 'preact/hooks';
import type { AuditEntries } from '../../api/console.ts';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import type { Client, Query } from '../shared/client.ts';
import { entryId, followAudit } from './follow.ts';

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
  const newest = entryId(page?.entries[0]);

  useEffect(() => {
    setLater([]);
  }, [key, page]);

  useEffect(() => {
    if (page === undefined || !isLive) return;
    const controller = new AbortController();
    void followAudit({
      afterId: newest,
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

  const ids = new Set(later.map(entryId));
  return {
    entries: [...later, ...(page?.entries ?? []).filter((entry) => !ids.has(entryId(entry)))].slice(0, MAX_ENTRIES),
    isNew: (entry) => ids.has(entryId(entry)),
  };
}
