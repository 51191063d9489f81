import type { AuditEntries } from '../../api/console.ts';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import { CallError } from '../shared/client.ts';

/** An empty page that comes sooner was not waited for: the server has too many waiters. */
const WAITED_MS = 1_000;

export interface FollowOptions {
  /** Only entries with a higher id. */
  readonly afterId: number;
  /** Waits on the server until there is an entry, if the server has room for one more that waits. */
  readonly read: (afterId: number, signal: AbortSignal) => Promise<AuditEntries>;
  /** Gets the entries of a page, the oldest first. */
  readonly onEntries: (entries: readonly AuditEntryObject[]) => void;
  /** Waits before another attempt. */
  readonly pause: () => Promise<void>;
  /** Returns milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Reads new entries of the audit until the signal fires. Pauses after a failure, and after an empty page that came at once. */
export async function followAudit({ read, onEntries, pause, now, signal, ...from }: FollowOptions): Promise<void> {
  let { afterId } = from;
  while (!signal.aborted) {
    const startedAt = now();
    try {
      const { entries, reached } = await read(afterId, signal);
      afterId = reached ?? afterId;
      if (entries.length > 0) onEntries(entries);
      else if (now() - startedAt < WAITED_MS) await pause();
    } catch (error) {
      if (!(error instanceof CallError)) return;
      await pause();
    }
  }
}

/** Returns from where to follow a page, so that no entry is left out. An older operator does not say it. */
export function startOf({ reached, entries: [newest] }: AuditEntries): number {
  return reached ?? (newest === undefined ? 0 : entryId(newest));
}

/** Returns the entries of a page and later ones, each once and the newest first, and which of them are not on the page. */
export function mergeEntries(page: readonly AuditEntryObject[], later: readonly AuditEntryObject[]) {
  const byId = new Map([...later, ...page].map((entry) => [entryId(entry), entry]));
  const onPage = new Set(page.map(entryId));
  return {
    entries: [...byId.values()].sort((a, b) => entryId(b) - entryId(a)),
    newIds: new Set([...byId.keys()].filter((id) => !onPage.has(id))),
  };
}

export function entryId(entry: AuditEntryObject): number {
  return Number(entry.metadata.name);
}
