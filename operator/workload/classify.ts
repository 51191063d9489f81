import type { AddressRow } from '../../ledger/address/address-row.ts';
import { boundKey, leaseKey } from '../../ledger/address/holder-key.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { MacAddress } from '../../mac/mac-address.ts';

/** An address on an interface of a live object, as the ledger would name it. */
export interface LiveAddress {
  readonly mac: MacAddress;
  readonly owner: Owner & { readonly uid: string };
  /** The lease id on the object. */
  readonly lease?: string | undefined;
  /** Other interfaces of the object that carry this very address, by a mistake of its author. */
  readonly alsoOn?: readonly string[] | undefined;
}

/**
 * What a live object that carries an address is to what the ledger says of that address.
 *
 * - `own`: it is bound to this object.
 * - `renamed`: it is bound to this object on an interface that does not carry it any more: its author renamed an interface,
 *   or had two exchange their addresses.
 * - `pending`: admission handed it out for this object; it is to be bound.
 * - `claimed`: a claim of the same namespace holds it, which this object uses, or may begin to use.
 * - `free`: nobody holds it; it is to be adopted.
 * - `owned-by-parent`: the virtual machine holds it that this instance was made from, and that was deleted without it.
 * - `conflict`: somebody else holds it.
 */
export type Classification = 'own' | 'renamed' | 'pending' | 'claimed' | 'free' | 'owned-by-parent' | 'conflict';

export function classify(address: LiveAddress, row: AddressRow | undefined): Classification {
  if (row === undefined) return 'free';
  if (row.state !== 'released' && row.key === liveKey(address)) return 'own';
  if (row.state !== 'released' && isRenamed(address, row)) return 'renamed';
  if (isPendingFor(address, row)) return 'pending';
  if (row.state === 'released' || row.origin === 'replication-gap') return 'free';
  return isNeighbour(address, row) ? classifyInNamespace(address, row) : 'conflict';
}

/** The key under which the ledger has the address once it is bound to this object. */
export function liveKey({ mac, owner: { clusterId, uid, nic } }: LiveAddress): string {
  return boundKey({ clusterId, uid, nic, mac });
}

function isRenamed({ owner, alsoOn = [] }: LiveAddress, row: AddressRow): boolean {
  if (row.owner?.uid !== owner.uid || row.owner.clusterId !== owner.clusterId) return false;
  return row.owner.nic !== owner.nic && !alsoOn.includes(row.owner.nic);
}

/** By its name, or by the lease id that the webhook wrote into it. What had a uid before was bound, and is no promise. */
function isPendingFor({ owner, lease }: LiveAddress, row: AddressRow): boolean {
  // Also when the lease has run out meanwhile: binding then brings the address back, unless somebody else has it.
  if (row.state === 'active' || row.state === 'reserved' || row.owner?.uid !== undefined) return false;
  if (row.owner?.clusterId !== owner.clusterId || row.owner.kind !== owner.kind) return false;
  if (row.owner.namespace !== owner.namespace || row.owner.nic !== owner.nic) return false;
  return row.owner.name === owner.name || isByLease(row.key, owner, lease);
}

function isNeighbour({ owner }: LiveAddress, row: AddressRow): boolean {
  return row.owner?.clusterId === owner.clusterId && row.owner.namespace === owner.namespace;
}

function classifyInNamespace(address: LiveAddress, row: AddressRow): Classification {
  const { owner } = address;
  if (row.owner?.kind === 'MacAllocation' && row.state !== 'orphaned') {
    return mayConsume(address, row) ? 'claimed' : 'conflict';
  }
  const isInstanceOf = owner.kind === 'VirtualMachineInstance' && row.owner?.kind === 'VirtualMachine';
  return isInstanceOf && row.owner.name === owner.name ? 'owned-by-parent' : 'conflict';
}

/** Nobody uses the claim, or this object does, or admission gave it to this object. */
function mayConsume(address: LiveAddress, { consumer }: AddressRow): boolean {
  const { owner, lease, alsoOn = [] } = address;
  if (consumer === undefined || consumer.key === liveKey(address)) return true;
  // On an interface that had another name then.
  if (consumer.uid === owner.uid) return !alsoOn.includes(consumer.nic);
  if (consumer.uid !== undefined || consumer.kind !== owner.kind || consumer.nic !== owner.nic) return false;
  return consumer.name === owner.name || isByLease(consumer.key, owner, lease);
}

function isByLease(key: string, { nic }: Owner, lease: string | undefined): boolean {
  return lease !== undefined && key === leaseKey(lease, nic);
}
