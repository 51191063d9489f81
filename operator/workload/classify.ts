import type { AddressRow } from '../../ledger/address/address-row.ts';
import { isOfferedTo } from '../../ledger/address/handover.ts';
import { isStickyKey, stickyKey } from '../../ledger/address/holder-key.ts';
import { mayUseClaim } from '../claim/take-claim.ts';
import { isHeldByLease, type LiveAddress, liveKey } from '../live/live-address.ts';
import { isOfStock } from '../stock/requester.ts';

/**
 * The relation between an address on a live object and the ledger's row of that address.
 *
 * - `own`: it is bound to this object.
 * - `renamed`: it is bound to this object on an interface that no longer has it. The author renamed an interface, or two
 *   interfaces exchanged their addresses.
 * - `sticky`: it belongs to the name of this object, on this interface or on one that no longer has it.
 * - `pending`: admission allocated it for this object, and it is not bound yet.
 * - `stocked`: it is set aside for a webhook of this cluster. Or it was, it is no longer, and the object has a token.
 * - `claimed`: a claim of the same namespace holds it, and this object uses the claim or may take it.
 * - `inherited`: a machine of the same name holds it. It was deleted, and this machine was made again in its place.
 * - `offered`: another machine holds it and offers it to this machine, which waits for the guest of that one.
 * - `ungranted`: the ledger gave it to nobody. It is observed, or adopted with a proof.
 * - `owned-by-parent`: the virtual machine or the instance of this name holds it, which the object ran for. It was deleted
 *   without the object.
 * - `conflict`: another owner holds it.
 */
export type Classification =
  | 'own'
  | 'renamed'
  | 'sticky'
  | 'pending'
  | 'stocked'
  | 'claimed'
  | 'inherited'
  | 'offered'
  | 'ungranted'
  | 'owned-by-parent'
  | 'conflict';

/** Classifies an address on a live object by its row in the ledger. */
export function classify(address: LiveAddress, row: AddressRow | undefined): Classification {
  if (row === undefined) return 'ungranted';
  if (row.state !== 'released' && row.key === liveKey(address)) return 'own';
  if (row.state !== 'released' && isRenamed(address, row)) return 'renamed';
  if (isSticky(address, row)) return 'sticky';
  if (isPendingFor(address, row)) return 'pending';
  if (isStocked(address, row)) return 'stocked';
  if (row.state === 'released' || row.origin === 'replication-gap') return 'ungranted';
  return classifyHeld(address, row);
}

function classifyHeld(address: LiveAddress, row: AddressRow): Classification {
  if (isOffered(address.owner, row)) return 'offered';
  return isInSameNamespace(address, row) ? classifyInNamespace(address, row) : 'conflict';
}

function isRenamed({ owner, alsoOn = [] }: LiveAddress, row: AddressRow): boolean {
  if (row.owner?.uid !== owner.uid || row.owner.clusterId !== owner.clusterId) return false;
  return row.owner.nic !== owner.nic && !alsoOn.includes(row.owner.nic);
}

/**
 * Returns whether the address belongs to the name of this object. A released one does too, until somebody else has it: binding
 * reclaims it.
 */
function isSticky({ owner, alsoOn = [] }: LiveAddress, row: AddressRow): boolean {
  if (!isStickyKey(row.key) || row.owner === undefined) return false;
  const { nic } = row.owner;
  return row.key === stickyKey({ ...owner, nic }) && (nic === owner.nic || !alsoOn.includes(nic));
}

/** Matches by the object's name or by its lease id. A row whose owner has a uid was bound, so it is not pending. */
function isPendingFor(address: LiveAddress, row: AddressRow): boolean {
  const { owner } = address;
  // An expired lease also matches: binding reclaims the address, unless somebody else has it by now.
  if (row.state === 'active' || row.state === 'reserved' || row.owner?.uid !== undefined) return false;
  if (isStickyKey(row.key)) return false;
  if (row.owner?.clusterId !== owner.clusterId || row.owner.kind !== owner.kind) return false;
  if (row.owner.namespace !== owner.namespace || row.owner.nic !== owner.nic) return false;
  return row.owner.name === owner.name || isHeldByLease(row.key, address);
}

function isStocked(address: LiveAddress, row: AddressRow): boolean {
  return isOfStock(row, address) && (row.state === 'stocked' || address.stockToken !== undefined);
}

function isOffered(owner: LiveAddress['owner'], row: AddressRow): boolean {
  return owner.kind === 'VirtualMachine' && isOfferedTo(row, owner);
}

function isInSameNamespace({ owner }: LiveAddress, row: AddressRow): boolean {
  return row.owner?.clusterId === owner.clusterId && row.owner.namespace === owner.namespace;
}

function classifyInNamespace(address: LiveAddress, row: AddressRow): Classification {
  const { owner, runsFor } = address;
  if (isInherited(owner, row)) return 'inherited';
  const isClaim = row.owner?.kind === 'MacAllocation' && row.state !== 'orphaned';
  if (isClaim && mayUseClaim(address, row)) return 'claimed';
  const isInstance = owner.kind === 'VirtualMachineInstance';
  const parents = isInstance ? ['VirtualMachine'] : ['VirtualMachine', 'VirtualMachineInstance'];
  const user = isClaim ? row.consumer : row.owner;
  const isOfParent = user !== undefined && parents.includes(user.kind);
  return isOfParent && user.name === (isInstance ? owner.name : runsFor) ? 'owned-by-parent' : 'conflict';
}

/**
 * Returns whether a machine of the same name holds the address. Only one object of a name exists, so that machine was
 * deleted. Its guest may still run, and KubeVirt adopts it by name. A pod is never adopted. If that machine offered the address to
 * a receiver, the guest may run there.
 */
function isInherited(owner: LiveAddress['owner'], { state, owner: holder, handover }: AddressRow): boolean {
  return (
    state === 'active' &&
    handover === undefined &&
    holder?.uid !== undefined &&
    owner.kind === 'VirtualMachine' &&
    holder.kind === owner.kind &&
    holder.name === owner.name
  );
}
