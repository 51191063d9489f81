import type { LedgerAuditEntry } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { listAudit, type AuditEntry } from '../../ledger/audit.ts';
import { badContinue } from './continue-token.ts';
import { countOf, macOf, momentOf, valueOf } from './selected-values.ts';
import type { TableColumn } from './table.ts';
import { pageOf, type ViewResource } from './view-resource.ts';

/**
 * The audit, newest first; the name of an entry is its number. With `afterId` what came behind that entry, oldest first, so
 * that the audit can be followed.
 */
export const auditEntries: ViewResource<LedgerAuditEntry> = {
  fields: ['mac', 'pool', 'action', 'deviceId', 'clusterId', 'actor', 'since', 'afterId'],
  orders: ['newest'],
  columns,
  list: async (db, { terms, limit, after }) => {
    const end = after === undefined ? undefined : entryBehind(after);
    const afterId = countOf(terms, 'afterId');
    const entries = await listAudit(db, {
      mac: macOf(terms, 'mac'),
      pool: valueOf(terms, 'pool'),
      action: valueOf(terms, 'action'),
      deviceId: valueOf(terms, 'deviceId'),
      clusterId: valueOf(terms, 'clusterId'),
      since: momentOf(terms, 'since'),
      actor: valueOf(terms, 'actor'),
      ...(afterId === undefined ? { before: end } : { after: end ?? afterId }),
      limit: limit + 1,
    });
    return pageOf(entries, limit, { show, endAt: ({ id }) => String(id) });
  },
  get: async (db, name) => {
    const id = idOf(name);
    if (id === undefined) return undefined;
    const [entry] = await listAudit(db, { before: id + 1, limit: 1 });
    return entry?.id === id ? show(entry) : undefined;
  },
};

function entryBehind(after: string): number {
  const id = idOf(after);
  if (id === undefined) throw badContinue();
  return id;
}

/** Numbers of the audit are positive and small enough for a double. */
function idOf(name: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(name) ? Number(name) : undefined;
}

function show(entry: AuditEntry): LedgerAuditEntry {
  const { mac, pool, action, deviceId, user, actor, reason, generation, stateBefore, state, clusterId, owner } = entry;
  return {
    apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`,
    kind: 'AuditEntry',
    metadata: { name: String(entry.id), creationTimestamp: entry.timestamp.toISOString().replace(/\.\d+Z$/, 'Z') },
    timestamp: entry.timestamp.toISOString(),
    action,
    mac,
    pool,
    deviceId,
    user,
    actor,
    reason,
    generation,
    stateBefore,
    state,
    clusterId,
    owner,
    details: { ...entry.details },
  };
}

function columns(): readonly TableColumn<LedgerAuditEntry>[] {
  return [
    { name: 'Name', type: 'string', description: 'The number of the entry.', cell: ({ metadata }) => metadata.name },
    {
      name: 'Time',
      type: 'string',
      description: 'When it happened.',
      cell: ({ metadata }) => metadata.creationTimestamp,
    },
    { name: 'Action', type: 'string', description: 'What was done.', cell: ({ action }) => action },
    { name: 'MAC', type: 'string', description: 'The address.', cell: ({ mac }) => mac },
    { name: 'Who', type: 'string', description: 'On whose behalf.', cell: ({ user }) => user },
    {
      name: 'Owner',
      type: 'string',
      description: 'The device or object.',
      cell: ({ owner, deviceId }) => owner ?? deviceId,
    },
    { name: 'Pool', type: 'string', description: 'The pool.', wide: true, cell: ({ pool }) => pool },
    { name: 'State', type: 'string', description: 'The state after it.', wide: true, cell: ({ state }) => state },
    {
      name: 'Actor',
      type: 'string',
      description: 'Which program or person did it.',
      wide: true,
      cell: ({ actor }) => actor,
    },
    { name: 'Reason', type: 'string', description: 'Why.', wide: true, cell: ({ reason }) => reason },
  ];
}
