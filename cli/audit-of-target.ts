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
  const isFollowed = query.afterId !== undefined;
  // A page that is cut was not read as far as the others.
  const upTo = Math.min(...[page, ...pages].map((each) => each.reached ?? Infinity));
  const found = pages.flatMap((each) => each.lines).filter(({ id }) => !isFollowed || id <= upTo);
  const lines = found.sort((a, b) => (isFollowed ? a.id - b.id : b.id - a.id));
  const isCut = lines.length > query.limit || pages.some((each) => each.isCut);
  const onPage = lines.slice(0, query.limit);
  const readTo = Number.isFinite(upTo) ? upTo : undefined;
  const reached = isFollowed && lines.length > query.limit ? onPage.at(-1)?.id : readTo;
  return { lines: onPage, isCut, reached };
}
