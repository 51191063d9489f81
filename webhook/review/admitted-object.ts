import { admissionKey, leaseKey, stickyKey } from '../../ledger/address/holder-key.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { AdmissionUser } from './admission-review.ts';

/** The object under admission. */
export interface AdmittedObject {
  readonly kind: 'Pod' | 'VirtualMachine' | 'VirtualMachineInstance';
  readonly namespace: string;
  /** Empty where the API server generates the name (generateName). */
  readonly name: string;
  /** Only of an object that is already stored. */
  readonly uid?: string | undefined;
  /**
   * Links a stored object without a name of its own to this admission. Set if the name is still to be generated: then a
   * repeated request has nothing else in common with this one.
   */
  readonly leaseId: string | undefined;
  /** A lease id that the object brings along: of an earlier admission, or of the object that it was copied from. */
  readonly broughtLease?: string | undefined;
  /** It is a virtual machine that waits for a guest, which keeps the addresses of its machine. */
  readonly waitsAsReceiver?: boolean;
  readonly requester: AdmissionUser;
  /**
   * When its author created it, as an ISO date, if it has waited for the ledger since. Then the requester is known by name only,
   * and a refusal is read by whoever may read the object.
   */
  readonly waitedSince?: string | undefined;
}

/** Returns the holder key of one interface. A repeated admission of the same object gets the same key. */
export function holderKeyOf(
  { kind, namespace, name, leaseId }: AdmittedObject,
  address: { readonly nic: string; readonly pool: string; readonly requested?: MacAddress | undefined },
  clusterId: string,
): string {
  if (leaseId !== undefined) return leaseKey(leaseId, address.nic);
  return admissionKey({ clusterId, kind, namespace, name, ...address });
}

/** Returns the holder key of the address that belongs to the name of the object. */
export function stickyKeyOf({ kind, namespace, name }: AdmittedObject, nic: string, clusterId: string): string {
  return stickyKey({ clusterId, kind, namespace, name, nic });
}
