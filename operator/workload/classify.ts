import type { AddressRow } from '../../ledger/address/address-row.ts';
import { mayUseClaim } from '../claim/take-claim.ts';
import { isHeldByLease, liveKey, type LiveAddress } from './live-address.ts';

/**
 * The relation between an address on a live object and the ledger's row of that address.
 *
 * - `own`: it is bound to this object.
 * - `renamed`: it is bound to this object on an interface that no longer has it. The author renamed an interface, or two
 *   interfaces exchanged their addresses.
 * - `pending`: admission allocated it for this object, and it is not bound yet.
 * - `claimed`: a claim of the same namespace holds it, and this object uses the claim or may take it.
 * - `free`: nobody holds it, so this object adopts it.
 * - `owned-by-parent`: the virtual machine of this instance holds it. The machine was deleted without the instance.
 * - `conflict`: another owner holds it.
 */
export type Classification = 'own' | 'renamed' | 'pending' | 'claimed' | 'free' | 'owned-by-parent' | 'conflict';

/** Classifies an address on a live object by its row in the ledger. */
export function classify(address: LiveAddress, row: AddressRow | undefined): Classification {
  if (row === undefined) return 'free';
  if (row.state !== 'released' && row.key === liveKey(address)) return 'own';
  if (row.state !== 'released' && isRenamed(address, row)) return 'renamed';
  if (isPendingFor(address, row)) return 'pending';
  if (row.state === 'released' || row.origin === 'replication-gap') return 'free';
  return isInSameNamespace(address, row) ? classifyInNamespace(address, row) : 'conflict';
}

function isRenamed({ owner, alsoOn = [] }: LiveAddress, row: AddressRow): boolean {
  if (row.owner?.uid !== owner.uid || row.owner.clusterId !== owner.clusterId) return false;
  return row.owner.nic !== owner.nic && !alsoOn.includes(row.owner.nic);
}

/** Matches by the object's name or by its lease id. A row whose owner has a uid was bound, so it is not pending. */
function isPendingFor(address: LiveAddress, row: AddressRow): boolean {
  const { owner } = address;
  // An expired lease also matches: binding reclaims the address, unless somebody else has it by now.
  if (row.state === 'active' || row.state === 'reserved' || row.owner?.uid !== undefined) return false;
  if (row.owner?.clusterId !== owner.clusterId || row.owner.kind !== owner.kind) return false;
  if (row.owner.namespace !== owner.namespace || row.owner.nic !== owner.nic) return false;
  return row.owner.name === owner.name || isHeldByLease(row.key, address);
}

function isInSameNamespace({ owner }: LiveAddress, row: AddressRow): boolean {
  return row.owner?.clusterId === owner.clusterId && row.owner.namespace === owner.namespace;
}

function classifyInNamespace(address: LiveAddress, row: AddressRow): Classification {
  const { owner } = address;
  if (row.owner?.kind === 'MacAllocation' && row.state !== 'orphaned') {
    return mayUseClaim(address, row) ? 'claimed' : 'conflict';
  }
  const isInstanceOf = owner.kind === 'VirtualMachineInstance' && row.owner?.kind === 'VirtualMachine';
  return isInstanceOf && row.owner.name === owner.name ? 'owned-by-parent' : 'conflict';
}
