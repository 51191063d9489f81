import { hostnameOf, ipsOf, otherMetadata } from '../../api/well-known-metadata.ts';
import { type Assignment, assignmentText } from '../assignment.ts';
import type { Address, AuditLine, ObservedOn } from '../backend.ts';
import { holderName, qualifiedName, shownState } from './address-list.ts';
import { auditTable } from './audit.ts';
import { printable } from './table.ts';
import { formatDistance, formatMinutes } from './time.ts';

interface AddressContext {
  readonly assignment: Assignment;
  readonly history: readonly AuditLine[];
  readonly now: Date;
}

/** Returns the output of `show` for one address: the five lines of the predecessor, then everything else. */
export function addressDetails(address: Address, { assignment, history, now }: AddressContext): string[] {
  const { allocatedAt } = address;
  return [
    `MAC Address:  ${address.mac}`,
    `Pool:         ${address.pool}`,
    `Status:       ${shownState(address)}`,
    `Device ID:    ${printable(holderName(address))}`,
    `Allocated At: ${allocatedAt === undefined || address.generation === 0 ? '' : formatMinutes(allocatedAt)}`,
    `Vendor:       ${printable(assignmentText(assignment))}`,
    ...facts(address).map(([name, value]) => `${`${name}:`.padEnd(13)} ${printable(value)}`),
    `Next:         ${nextEvent(address, now)}`,
    ...(history.length === 0 ? [] : ['', 'History, newest first:', ...historyLines(history)]),
  ];
}

/** Returns a line for each change, with its reason behind it. */
function historyLines(history: readonly AuditLine[]): string[] {
  const rows = auditTable(history).slice(2);
  return history.map(({ reason }, index) => `${rows[index] ?? ''}${reason === '' ? '' : ` (${printable(reason)})`}`);
}

function facts(address: Address): [string, string][] {
  const {
    device,
    consumer,
    metadata,
    requester,
    reason,
    releasedAt,
    missingSince,
    sticky,
    unreachableNode,
    offeredTo,
  } = address;
  const hadOwner = address.generation !== 0;
  const others = otherMetadata(metadata);
  const rows: [string, string | undefined][] = [
    ['Device Type', device?.type],
    ['IP Address', ipsOf(metadata).join(', ')],
    ['Hostname', hostnameOf(metadata)],
    ['Held By', heldBy(address)],
    ['Used By', consumer && `${consumer.kind} ${consumer.name}, ${consumer.nic}`],
    ['Offered To', receiverText(offeredTo)],
    ['Requested By', hadOwner ? requester : undefined],
    ['Reason', reason],
    ['Metadata', Object.keys(others).length === 0 ? undefined : JSON.stringify(others)],
    ['Sticky', sticky === true ? stickyText(address) : undefined],
    ['Missing Since', sticky === true ? undefined : missingSince && formatMinutes(missingSince)],
    [
      'Unreachable',
      unreachableNode && `node ${unreachableNode} does not respond, and its last pod may still run there`,
    ],
    ...(address.observedOn ?? []).map((object): [string, string] => ['In Use By', observedText(object)]),
    ['Released At', hadOwner && releasedAt ? formatMinutes(releasedAt) : undefined],
  ];
  return rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]]));
}

/** Names the object that holds the address, and its cluster if the ledger knows it. */
function heldBy({ owner, clusterName }: Address): string | undefined {
  if (owner === undefined) return undefined;
  const { kind, nic, clusterId } = owner;
  const cluster = clusterName ?? clusterId;
  return `${kind} ${qualifiedName(owner)}${nic && `, ${nic}`}${cluster && ` in cluster ${cluster}`}`;
}

/** Names the machine that receives the address. What the ledger has not recorded is not offered. */
function receiverText(receiver: Address['offeredTo']): string | undefined {
  if (receiver === undefined) return undefined;
  const { namespace, name, clusterId, clusterName, since, left } = receiver;
  const next = left ? '; its owner has ended and has left it' : '';
  return `VirtualMachine ${namespace}/${name} in cluster ${clusterName ?? clusterId}, recorded ${formatMinutes(since)}${next}`;
}

/** Says whose address it stays, and since when nothing uses it. */
function stickyText({ owner, missingSince }: Address): string {
  const name = owner === undefined ? 'this name' : `${owner.kind} ${qualifiedName(owner)}`;
  const use = missingSince === undefined ? '' : `; unused since ${formatMinutes(missingSince)}`;
  return `stays with ${name}${use}`;
}

function observedText({ kind, namespace, name, nic, clusterId, since }: ObservedOn): string {
  return `${kind} ${namespace}/${name}, ${nic} in cluster ${clusterId}, which does not own it; since ${formatMinutes(since)}`;
}

/** Returns what happens to the address next, or what the user can do to change its state. */
export function nextEvent(address: Address, now: Date): string {
  const { state, expiresAt, reusableAt, owner } = address;
  switch (state) {
    case 'stocked':
      return 'is set aside for a webhook, which gives it to a pod or returns it';
    case 'pending':
      return 'becomes active once its object is seen in the cluster, or is released when its lease ends';
    case 'reserved':
      return 'stays reserved until it is released with --force';
    case 'orphaned':
      return 'may still be in use: check that, then release it with --force';
    case 'observed':
      return 'is used by an object that does not own it';
    case 'released':
      if (address.observed === true)
        return `is kept while it is in use; \`rock-mac adopt ${address.mac}\` gives it to its user`;
      if (reusableAt === undefined || reusableAt <= now) return 'can be allocated again';
      return `another owner may get it ${inAndAt(reusableAt, now)}, when the reuse delay of its pool ends`;
    case 'active':
      if (expiresAt !== undefined && expiresAt <= now) return 'has expired: the next cleanup releases it';
      if (expiresAt !== undefined) return `expires ${inAndAt(expiresAt, now)}, unless it is renewed`;
      if (address.offeredTo !== undefined) return receptionText(address.offeredTo);
      if (address.sticky === true)
        return 'stays with its name: deleting its sticky MacAllocation releases it, or leaves it to the object that uses it';
      return owner === undefined
        ? 'stays active until it is released'
        : `stays active as long as its ${owner.kind} exists: deleting that releases the address`;
  }
}

function receptionText({ left }: Pick<NonNullable<Address['offeredTo']>, 'left'>): string {
  return left
    ? 'the machine that it is offered to takes it, when the quotas of its namespace have room'
    : 'goes to the machine that it is offered to, if that one has it when its owner ends; otherwise it is released';
}

function inAndAt(moment: Date, now: Date): string {
  return `in ${formatDistance(now, moment)}, at ${formatMinutes(moment)}`;
}
