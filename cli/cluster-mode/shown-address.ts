import type { LedgerAddress, LedgerAuditEntry } from '../../api/ledger-view.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { ADDRESS_STATES, type AddressState, type Owner } from '../../ledger/address/owner.ts';
import { mac, parseMac } from '../../mac/mac-address.ts';
import type { Address, AuditLine } from '../backend.ts';

/** What a MacAllocation shows of its address; `undefined` while it has none. */
export function addressOfAllocation({ metadata, spec, status }: MacAllocation): Address | undefined {
  const { mac: text = '', allocatedAt = metadata.creationTimestamp, expiresAt, consumer, ledger } = status ?? {};
  const parsed = parseMac(text);
  if (!parsed.ok) return undefined;
  return {
    mac: parsed.mac,
    pool: spec.pool,
    state: spec.reserved === true ? 'reserved' : 'active',
    device: spec.device,
    owner: ownerOf({ metadata, spec, status }),
    consumer,
    metadata: spec.attributes ?? {},
    allocatedAt: dateOf(allocatedAt),
    expiresAt: dateOf(expiresAt),
    generation: ledger?.generation,
    requester: spec.requester?.username,
  };
}

/** The object that a mirror shows, or the claim itself. */
function ownerOf({ metadata, spec, status }: MacAllocation): Owner {
  const { namespace = '', name, uid } = metadata;
  const claim = { kind: 'MacAllocation', name, uid, nic: '' };
  return { clusterId: status?.ledger?.clusterId ?? '', namespace, ...(spec.consumerRef ?? claim) };
}

/** What the read API shows of an address. */
export function addressOfLedger(view: LedgerAddress): Address {
  const { metadata, pool, state, owner, device, consumer, generation, requester, reason, attributes = {} } = view;
  return {
    mac: mac(metadata.name),
    pool,
    state: stateOf(state) ?? 'orphaned',
    device,
    owner,
    consumer,
    metadata: attributes,
    allocatedAt: dateOf(view.allocatedAt),
    changedAt: dateOf(view.changedAt),
    expiresAt: dateOf(view.expiresAt),
    releasedAt: dateOf(view.releasedAt),
    reusableAt: dateOf(view.reusableAt),
    missingSince: dateOf(view.missingSince),
    generation,
    requester,
    reason,
  };
}

export function auditLineOf(entry: LedgerAuditEntry): AuditLine {
  const { metadata, timestamp, action, pool, deviceId, user, actor, reason, generation, clusterId, owner } = entry;
  return {
    ...{ id: Number(metadata.name), timestamp: new Date(timestamp), action },
    ...{ mac: entry.mac === undefined ? undefined : mac(entry.mac), pool, deviceId },
    ...{ user, actor, reason, generation, clusterId, owner },
    stateBefore: stateOf(entry.stateBefore),
    state: stateOf(entry.state),
  };
}

function stateOf(text: string | undefined): AddressState | undefined {
  return ADDRESS_STATES.find((state) => state === text);
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}
