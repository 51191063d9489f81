import type { AuditPage, AuditQuery, Backend } from './backend.ts';

/**
 * Returns the audit of a target. The audit knows addresses and devices. For the name of an object it is the audit of the
 * addresses that the object holds.
 */
export async function auditOfTarget(backend: Pick<Backend, 'audit' | 'find'>, query: AuditQuery): Promise<AuditPage> {
  const page = await backend.audit(query);
  if (page.lines.length > 0 || query.target?.kind !== 'device') return page;
  const { addresses } = await backend.find(query.target);
  const pages: AuditPage[] = [];
  for (const { mac } of addresses) {
    pages.push(await backend.audit({ ...query, target: { kind: 'mac', text: mac, mac } }));
  }
  const oldestFirst = query.afterId === undefined ? -1 : 1;
  const lines = pages.flatMap((each) => each.lines).sort((a, b) => oldestFirst * (a.id - b.id));
  const isCut = lines.length > query.limit || pages.some((each) => each.isCut);
  return { lines: lines.slice(0, query.limit), isCut };
}
