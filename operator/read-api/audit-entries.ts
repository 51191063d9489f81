import type { AuditEntryObject } from '../../api/ledger-view.ts';
import { type AuditEntry, listAudit } from '../../ledger/audit.ts';
import { followAudit, startOfFollowing } from '../../ledger/follow-audit.ts';
import { auditEntryView, encodeAuditEntry } from '../../ledger/view/audit-entry-view.ts';
import { invalidContinueToken } from './continue-token.ts';
import { parseId, type ReadApiResource, toPage } from './read-api-resource.ts';
import { countValue, exactValue, macValue, timeValue } from './selector-values.ts';
import type { TableColumn } from './table.ts';

/**
 * The audit, named by entry id. The newest entries come first. With the field `afterId`, only later entries are listed,
 * oldest first, so that clients can follow the audit. The parameter `waitSeconds` waits for the next one.
 */
export const auditEntries: ReadApiResource<AuditEntryObject> = {
  fields: ['mac', 'pool', 'action', 'deviceId', 'clusterId', 'actor', 'since', 'afterId'],
  orders: ['newest'],
  canWait: true,
  columns,
  list: async (db, { terms, limit, after }, reachedBefore) => {
    const position = after === undefined ? undefined : requireId(after);
    const afterId = countValue(terms, 'afterId');
    const filter = {
      mac: macValue(terms, 'mac'),
      pool: exactValue(terms, 'pool'),
      action: exactValue(terms, 'action'),
      deviceId: exactValue(terms, 'deviceId'),
      clusterId: exactValue(terms, 'clusterId'),
      since: timeValue(terms, 'since'),
      actor: exactValue(terms, 'actor'),
      limit: limit + 1,
    };
    const pageOf = (entries: readonly AuditEntry[]) =>
      toPage(entries, limit, { encode: encodeEntry, endAt: ({ id }) => String(id) });
    if (afterId === undefined) {
      const start = position === undefined ? await startOfFollowing(db) : undefined;
      return { ...pageOf(await listAudit(db, { ...filter, before: position })), reached: start };
    }
    const { entries, reached } = await followAudit(db, reachedBefore ?? position ?? afterId, filter);
    const page = pageOf(entries);
    // A page that is cut ends before the last row that was read.
    return { ...page, reached: page.end === undefined ? reached : Number(page.end) };
  },
  get: async (db, name) => {
    const id = parseId(name);
    if (id === undefined) return undefined;
    const [entry] = await listAudit(db, { before: id + 1, limit: 1 });
    return entry?.id === id ? encodeEntry(entry) : undefined;
  },
};

function encodeEntry(entry: AuditEntry): AuditEntryObject {
  return encodeAuditEntry(auditEntryView(entry));
}

function requireId(after: string): number {
  const id = parseId(after);
  if (id === undefined) throw invalidContinueToken();
  return id;
}

function columns(): readonly TableColumn<AuditEntryObject>[] {
  return [
    { name: 'Name', type: 'string', description: 'The id of the entry.', cell: ({ metadata }) => metadata.name },
    {
      name: 'Time',
      type: 'string',
      description: 'When the change happened.',
      cell: ({ metadata }) => metadata.creationTimestamp,
    },
    { name: 'Action', type: 'string', description: 'The kind of change.', cell: ({ action }) => action },
    { name: 'MAC', type: 'string', description: 'The address.', cell: ({ mac }) => mac },
    { name: 'Who', type: 'string', description: 'On whose behalf it was made.', cell: ({ user }) => user },
    {
      name: 'Owner',
      type: 'string',
      description: 'The device or object that holds the address.',
      cell: ({ owner, deviceId }) => owner ?? deviceId,
    },
    { name: 'Pool', type: 'string', description: 'The pool of the address.', wide: true, cell: ({ pool }) => pool },
    {
      name: 'State',
      type: 'string',
      description: 'The state after the change.',
      wide: true,
      cell: ({ state }) => state,
    },
    {
      name: 'Actor',
      type: 'string',
      description: 'The program or person that made the change.',
      wide: true,
      cell: ({ actor }) => actor,
    },
    {
      name: 'Reason',
      type: 'string',
      description: 'Why the change was made.',
      wide: true,
      cell: ({ reason }) => reason,
    },
  ];
}
