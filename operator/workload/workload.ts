import type { ConsumerRef } from '../../api/mac-allocation.ts';
import type { Nic } from '../../api/nic.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import type { KubeObject, ObjectMeta } from '../../kube/client/objects.ts';
import { apiVersionOf, type Resource } from '../../kube/client/resource.ts';
import type { MacAddress } from '../../mac/mac-address.ts';

/**
 * A stored object that can carry addresses, reduced to what the operator needs to know of it, whatever its kind. Tens of
 * thousands of these are kept in memory; of a pod or a VM itself nothing is.
 */
export interface Workload extends KubeObject {
  /** The addresses of ours that it owns by carrying them. */
  readonly nics: readonly Nic[];
  /** Every address of ours that is seen on it, whoever owns it. What is here is in use. */
  readonly observed: readonly MacAddress[];
  /** It has ended for good, and carries nothing any more. */
  readonly finished?: boolean;
  /** The lease id that the webhook wrote into it while it had no name. */
  readonly lease?: string | undefined;
  /** The KubeVirt object on whose behalf it runs, and which owns what it shows. */
  readonly runsFor?: { readonly name: string; readonly uid: string } | undefined;
}

/** Which address on which interface of which object is meant. */
export interface UsedAddress {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly mac: MacAddress;
}

/** What the controllers have to know of a kind of workload; one file for each kind, one row of `carrierKinds` each. */
export interface WorkloadKind {
  readonly resource: Resource<Workload>;
  /** Its CRD may be absent, and come later. */
  readonly optional: boolean;
  /**
   * Whether anything that lives still carries the address on the owner's behalf. Read from the API server's store and not
   * from a copy; any doubt throws.
   */
  readonly stillUses: (address: UsedAddress, client: KubeClient) => Promise<boolean>;
}

/** The little of its metadata that the operator looks at later. */
export function trimMetadata({ name, namespace, uid, resourceVersion, deletionTimestamp }: ObjectMeta): ObjectMeta {
  return { name, namespace, uid, resourceVersion, ...(deletionTimestamp !== undefined && { deletionTimestamp }) };
}

export function leaseOf({ annotations }: ObjectMeta): Pick<Workload, 'lease'> {
  const lease = annotations?.[ANNOTATIONS.lease];
  return lease === undefined ? {} : { lease };
}

/** The owner reference of a kind, reduced. */
export function ownerOf({ ownerReferences = [] }: ObjectMeta, kind: string): Pick<Workload, 'runsFor'> {
  const owner = ownerReferences.find((reference) => reference.kind === kind);
  return owner === undefined ? {} : { runsFor: { name: owner.name, uid: owner.uid } };
}

export function consumerRefOf(
  { metadata: { name, uid } }: Workload,
  nic: string,
  { resource }: WorkloadKind,
): ConsumerRef {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, name, uid, nic };
}
