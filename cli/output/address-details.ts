import type { Address, AuditLine } from '../backend.ts';
import { holderName } from './address-list.ts';
import { auditTable } from './audit.ts';
import { printable } from './table.ts';
import { formatDistance, formatMinutes } from './time.ts';

/** Returns the output of `show` for one address: the five lines of the predecessor, then everything else. */
export function addressDetails(address: Address, history: readonly AuditLine[], now: Date): string[] {
  const { allocatedAt } = address;
  return [
    `MAC Address:  ${address.mac}`,
    `Pool:         ${address.pool}`,
    `Status:       ${address.state}`,
    `Device ID:    ${printable(holderName(address))}`,
    `Allocated At: ${allocatedAt === undefined ? '' : formatMinutes(allocatedAt)}`,
    ...facts(address).map(([name, value]) => `${`${name}:`.padEnd(13)} ${printable(value)}`),
    `Next:         ${nextEvent(address, now)}`,
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

/** Returns what happens to the address next, or what the user can do to change its state. */
function nextEvent(address: Address, now: Date): string {
  const { state, expiresAt, reusableAt, owner } = address;
  switch (state) {
    case 'pending':
      return 'becomes active once its object is seen in the cluster, or is released when its lease ends';
    case 'reserved':
      return 'stays reserved until it is released with --force';
    case 'orphaned':
      return 'may still be in use: check that, then release it with --force';
    case 'released':
      if (reusableAt === undefined || reusableAt <= now) return 'can be allocated again';
      return `another owner may get it ${inAndAt(reusableAt, now)}, when the reuse delay of its pool ends`;
    case 'active':
      if (expiresAt !== undefined && expiresAt <= now) return 'has expired: the next cleanup releases it';
      if (expiresAt !== undefined) return `expires ${inAndAt(expiresAt, now)}, unless it is renewed`;
      return owner === undefined
        ? 'stays active until it is released'
        : `stays active as long as its ${owner.kind} exists: deleting that releases the address`;
  }
}

function inAndAt(moment: Date, now: Date): string {
  return `in ${formatDistance(now, moment)}, at ${formatMinutes(moment)}`;
}
