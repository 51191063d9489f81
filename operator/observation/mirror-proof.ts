import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Sources } from '../controller/operator-sources.ts';
import type { LiveAddress } from '../live/live-address.ts';

/**
 * Returns whether a mirror proves that the ledger once gave this address to this interface of the object. Only the operator may
 * write mirrors, and it writes one only when the ledger has the address for the object.
 */
export function provesGrant({ spec }: Pick<MacAllocation, 'spec'>, { mac, owner }: LiveAddress): boolean {
  const { consumerRef } = spec;
  if (consumerRef?.uid !== owner.uid || consumerRef.nic !== owner.nic) return false;
  return spec.mac === mac && spec.ledger?.clusterId === owner.clusterId;
}

/** Returns whether a cached mirror of its object proves the grant of an address. */
export function hasMirrorIn(allocations: Sources['allocations']): (address: LiveAddress) => boolean {
  return (address) => allocations.by('consumer', address.owner.uid).some((mirror) => provesGrant(mirror, address));
}
