import type { Address, AuditLine } from '../backend.ts';
import { auditTable } from './audit.ts';
import { holderName } from './addresses.ts';
import { printable } from './printable.ts';
import { formatDistance, formatMinutes } from './time.ts';

/** What `show` prints of one address: the five lines of the predecessor, then what more is known. */
export function addressDetails(address: Address, history: readonly AuditLine[], now: Date): string[] {
  const { allocatedAt } = address;
  return [
    `MAC Address:  ${address.mac}`,
    `Pool:         ${address.pool}`,
    `Status:       ${address.state}`,
    `Device ID:    ${printable(holderName(address))}`,
    `Allocated At: ${allocatedAt === undefined ? '' : formatMinutes(allocatedAt)}`,
    ...facts(address).map(([name, value]) => `${`${name}:`.padEnd(13)} ${printable(value)}`),
    `Next:         ${whatComes(address, now)}`,
    ...(history.length === 0 ? [] : ['', 'History, newest first:', ...auditTable(history).slice(2)]),
  ];
}

function facts(address: Address): [string, string][] {
  const { device, owner, consumer, metadata, requester, reason, releasedAt, missingSince } = address;
  const cluster = owner?.clusterId === undefined ? '' : ` in cluster ${owner.clusterId}`;
  const rows: [string, string | undefined][] = [
    ['Device Type', device?.type],
    ['Held By', owner && `${owner.kind} ${owner.namespace}/${owner.name}${owner.nic && `, ${owner.nic}`}${cluster}`],
    ['Used By', consumer && `${consumer.kind} ${consumer.name}, ${consumer.nic}`],
    ['Requested By', requester],
    ['Reason', reason],
    ['Metadata', Object.keys(metadata).length === 0 ? undefined : JSON.stringify(metadata)],
    ['Missing Since', missingSince && formatMinutes(missingSince)],
    ['Released At', releasedAt && formatMinutes(releasedAt)],
  ];
  return rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]]));
}

/** What happens to the address by itself, and what would end its present state. */
export function whatComes(address: Address, now: Date): string {
  const { state, expiresAt, reusableAt, owner } = address;
  switch (state) {
    case 'pending':
      return 'it becomes active when its object is seen, or goes back when its lease is over';
    case 'reserved':
      return 'it stays reserved until it is released with --force';
    case 'orphaned':
      return 'nobody knows whether it is in use: look for it, then release it with --force';
    case 'released':
      if (reusableAt === undefined || reusableAt <= now) return 'it may be handed out again';
      return `others may get it ${at(reusableAt, now)}, when the reuse delay of its pool is over`;
    case 'active':
      if (expiresAt !== undefined && expiresAt <= now) return 'it has expired: the next clean-up releases it';
      if (expiresAt !== undefined) return `it expires ${at(expiresAt, now)}, unless it is renewed`;
      return owner === undefined
        ? 'it stays until it is released'
        : `it stays as long as its ${owner.kind} does: deleting that releases it`;
  }
}

function at(moment: Date, now: Date): string {
  return `in ${formatDistance(now, moment)}, at ${formatMinutes(moment)}`;
}
