import { type AuditFilter, listAudit } from '../../ledger/audit.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { followAudit, startOfFollowing } from '../../ledger/follow-audit.ts';
import { auditEntryView } from '../../ledger/view/audit-entry-view.ts';
import type { AuditLine, AuditPage, AuditQuery } from '../backend.ts';
import type { Target } from '../target.ts';

/** Largest number of rows that the ledger returns at once. */
const MAX_ROWS = 10_000;

/** Returns a page of the audit: the newest entries, or those after an id. */
export async function auditPage(ledger: Queryable, query: AuditQuery): Promise<AuditPage> {
  const { target, afterId, limit, ...rest } = query;
  const filter: AuditFilter = { ...rest, ...targetFilter(target) };
  if (afterId === undefined) return await newestPage(ledger, filter, limit);
  const { entries, reached } = await followAudit(ledger, afterId, { ...filter, limit: Math.min(limit, MAX_ROWS) });
  return { lines: entries.map(auditEntryView), isCut: entries.length === limit, reached };
}

/** It reads one row more than the limit to know whether the limit cuts the list. */
async function newestPage(ledger: Queryable, filter: AuditFilter, limit: number): Promise<AuditPage> {
  const reached = await startOfFollowing(ledger);
  const lines: AuditLine[] = [];
  for (;;) {
    const wanted = Math.min(limit + 1 - lines.length, MAX_ROWS);
    const entries = await listAudit(ledger, { ...filter, before: lines.at(-1)?.id, limit: wanted });
    lines.push(...entries.map(auditEntryView));
    if (entries.length < wanted || lines.length > limit)
      return { lines: lines.slice(0, limit), isCut: lines.length > limit, reached };
  }
}

function targetFilter(target: Target | undefined): AuditFilter {
  return target?.kind === 'device' ? { deviceId: target.text } : { mac: target?.mac };
}
