import type { AuditFilter } from '../../api/console.ts';
import type { AuditQuery } from '../backend.ts';
import { requireMac, type Target } from '../target.ts';

/** Returns the query of the commands for a filter of the console. */
export function auditQuery({ mac, device, since, ...filter }: AuditFilter): AuditQuery {
  return { ...filter, target: targetOf(mac, device), since: since === undefined ? undefined : new Date(since) };
}

function targetOf(mac: string | undefined, device: string | undefined): Target | undefined {
  if (mac !== undefined) return { kind: 'mac', text: mac, mac: requireMac(mac) };
  return device === undefined ? undefined : { kind: 'device', text: device };
}
