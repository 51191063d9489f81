import { useEffect, useState } from 'preact/hooks';
import type { AuditEntries } from '../../api/console.ts';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import { CallError, type Client, type Query } from '../shared/client.ts';

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
  const newest = idOf(page?.entries[0]);

  useEffect(() => {
    setLater([]);
  }, [key, page]);

  useEffect(() => {
    if (page === undefined || !isLive) return;
    const controller = new AbortController();
    const { signal } = controller;
    const follow = async () => {
      let afterId = newest;
      while (!signal.aborted) {
        try {
          const { entries } = await client.get<AuditEntries>('/api/audit', { ...query, afterId, limit: 100 }, signal);
          if (entries.length === 0) continue;
          afterId = idOf(entries.at(-1));
          setLater((before) => [...entries.toReversed(), ...before].slice(0, MAX_ENTRIES));
        } catch (error) {
          if (!(error instanceof CallError)) return;
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    };
    void follow();
    return () => {
      controller.abort();
    };
  }, [key, page, isLive]);

  const ids = new Set(later.map(idOf));
  return {
    entries: [...later, ...(page?.entries ?? []).filter((entry) => !ids.has(idOf(entry)))].slice(0, MAX_ENTRIES),
    isNew: (entry) => ids.has(idOf(entry)),
  };
}

function idOf(entry: AuditEntryObject | undefined): number {
  return Number(entry?.metadata.name ?? 0);
}
