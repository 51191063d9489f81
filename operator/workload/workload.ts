import type { ConsumerRef } from '../../api/mac-allocation.ts';
import type { Nic } from '../../api/nic.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import type { KubeObject, ObjectMeta } from '../../kube/client/objects.ts';
import { apiVersionOf, type Resource } from '../../kube/client/resource.ts';
import type { MacAddress } from '../../mac/mac-address.ts';

/**
 * A stored object that can use addresses, reduced to what the operator needs, whatever its kind. Tens of thousands of these
 * are cached in place of the pods and VMs themselves.
 */
export interface Workload extends KubeObject {
  /** The addresses of ours that it uses and owns. */
  readonly nics: readonly Nic[];
  /** Every address of ours that is observed on it, whoever owns it. All of these are in use. */
  readonly observed: readonly MacAddress[];
  /** It has ended for good and no longer uses any address. */
  readonly finished?: boolean;
  /** The lease id that the webhook wrote into it while it had no name. */
  readonly lease?: string | undefined;
  /** The KubeVirt object that it runs for, which owns the observed addresses. */
  readonly runsFor?: { readonly name: string; readonly uid: string } | undefined;
}

/** An address and the object that uses it. */
export interface UsedAddress {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly mac: MacAddress;
}

/** A kind of workload. Each kind has its own file and is listed in `workloadKinds`. */
export interface WorkloadKind {
  readonly resource: Resource<Workload>;
  /** Whether its CRD may be absent, and be installed later. */
  readonly optional: boolean;
  /**
   * Returns whether any live object still uses the address for its owner. Reads from the API server's store and not from a
   * cache. Throws if the answer is uncertain.
   */
  readonly stillUses: (address: UsedAddress, client: KubeClient) => Promise<boolean>;
}

/** Returns the metadata that the operator reads later. */
export function trimMetadata({ name, namespace, uid, resourceVersion, deletionTimestamp }: ObjectMeta): ObjectMeta {
  return { name, namespace, uid, resourceVersion, ...(deletionTimestamp !== undefined && { deletionTimestamp }) };
}

/** Returns the lease id in the annotations. */
export function leaseOf({ annotations }: ObjectMeta): Pick<Workload, 'lease'> {
  const lease = annotations?.[ANNOTATIONS.lease];
  return lease === undefined ? {} : { lease };
}

/** Returns the name and the uid of the owner of a kind. */
export function ownerOf({ ownerReferences = [] }: ObjectMeta, kind: string): Pick<Workload, 'runsFor'> {
  const owner = ownerReferences.find((reference) => reference.kind === kind);
  return owner === undefined ? {} : { runsFor: { name: owner.name, uid: owner.uid } };
}

/** Returns the reference to a workload and one of its interfaces. */
export function consumerRefOf(
  { metadata: { name, uid } }: Workload,
  nic: string,
  { resource }: WorkloadKind,
): ConsumerRef {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, name, uid, nic };
}
