import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import type { Holder } from '../../ledger/address/owner.ts';
import type { AddressRequest } from '../plan/plan.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';

/**
 * Returns the request for an address that the object wrote, if it is the sticky one of its name. A virtual machine that is made again
 * from its manifest writes the address, and the interfaces of a stored object may exchange theirs.
 */
export function stickyRequestFor(
  { state, owner }: Holder,
  nic: string,
  { kind, namespace, name, uid }: AdmittedObject,
  clusterId: string,
): AddressRequest | undefined {
  // No other address is active without the uid of its owner.
  if (owner === undefined || owner.uid !== undefined || state !== 'active' || owner.clusterId !== clusterId)
    return undefined;
  const isOfName = owner.kind === kind && owner.namespace === namespace && owner.name === name;
  if (!isOfName || (uid === undefined && owner.nic !== nic)) return undefined;
  return { nic: owner.nic, sticky: { claim: stickyClaimName(owner) } };
}
