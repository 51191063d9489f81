import type { AuditEntryObject } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { mac } from '../../mac/mac-address.ts';
import type { AuditEntry } from '../audit.ts';
import { decodeState, wholeSeconds } from './address-view.ts';

/** An audit entry as the CLI and the read API show it. The holder key authorizes a release, so it is never shown. */
export type AuditEntryView = Omit<AuditEntry, 'key'>;

/** Returns the part of an entry that may be shown. */
export function auditEntryView(entry: AuditEntry): AuditEntryView {
  return {
    id: entry.id,
    timestamp: entry.timestamp,
    action: entry.action,
    mac: entry.mac,
    pool: entry.pool,
    deviceId: entry.deviceId,
    user: entry.user,
    actor: entry.actor,
    reason: entry.reason,
    login: entry.login,
    generation: entry.generation,
    stateBefore: entry.stateBefore,
    state: entry.state,
    clusterId: entry.clusterId,
    owner: entry.owner,
    details: entry.details,
  };
}

/** Returns the object of the read API for an audit entry. Its name is the id. */
export function encodeAuditEntry(view: AuditEntryView): AuditEntryObject {
  const { id, timestamp, details, ...rest } = view;
  return {
    apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`,
    kind: 'AuditEntry',
    metadata: { name: String(id), creationTimestamp: wholeSeconds(timestamp) },
    timestamp: timestamp.toISOString(),
    ...rest,
    details: { ...details },
  };
}

/** Returns the audit entry of an object of the read API. */
export function decodeAuditEntry(object: AuditEntryObject): AuditEntryView {
  const { metadata, timestamp, action, pool, deviceId, user, actor, reason, login, generation, clusterId, owner } =
    object;
  return {
    id: Number(metadata.name),
    timestamp: new Date(timestamp),
    action,
    mac: object.mac === undefined ? undefined : mac(object.mac),
    pool,
    deviceId,
    user,
    actor,
    reason,
    login,
    generation,
    stateBefore: decodeState(object.stateBefore),
    state: decodeState(object.state),
    clusterId,
    owner,
    details: object.details,
  };
}
