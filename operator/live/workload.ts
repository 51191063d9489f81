import { isDeepStrictEqual } from 'node:util';
import type { ConsumerRef } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { ReportedInterface } from '../../api/network-status.ts';
import type { Nic } from '../../api/nic.ts';
import type { ReceiverTarget } from '../../api/transfer-target.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import type { KubeObject, ObjectMeta } from '../../kube/client/objects.ts';
import { apiVersionOf, type Resource } from '../../kube/client/resource.ts';
import type { EventTarget } from '../../kube/controller/events.ts';
import type { InternString } from '../../kube/controller/string-interning.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Replica } from './replica.ts';

/**
 * A stored object that can use addresses, reduced to what the operator needs, whatever its kind. Tens of thousands of these
 * are cached in place of the pods and VMs themselves.
 */
export interface Workload extends KubeObject {
  /** The addresses that it uses and owns, of any prefix. */
  readonly nics: readonly Nic[];
  /** Every address that it uses, whoever owns it. */
  readonly uses: readonly MacAddress[];
  /** The interfaces of a running object, with the addresses that they have. Not of a launcher pod, whose instance has them. */
  readonly onWire?: readonly ReportedInterface[];
  /** It has ended for good and no longer uses any address. */
  readonly finished?: boolean;
  /** The lease id that the webhook wrote into it while it had no name. */
  readonly lease?: string | undefined;
  /** The token of a pod that a webhook answered from its stock, not verified. */
  readonly stockToken?: StockToken | undefined;
  /** The KubeVirt object that it runs for, which owns the addresses in use. */
  readonly runsFor?: { readonly name: string; readonly uid: string } | undefined;
  /** The addresses that it uses and that belong to the object it runs for. */
  readonly nicsOfOwner?: readonly Nic[];
  /** It waits for its addresses with our scheduling gate, so it has never run and uses none. */
  readonly gate?: WorkloadGate | undefined;
  /** The webhook was not asked about it, whatever its namespace says. */
  readonly skippedAdmission?: boolean;
  /** The pool that its annotation names. Only of a virtual machine: a policy asks whoever writes it there for the right to use that pool. */
  readonly namedPool?: string;
  /** The machine that may receive its addresses when it ends. Only of a virtual machine. */
  readonly offersTo?: ReceiverTarget;
  /** Whether the guest of an instance runs, as KubeVirt says. An instance that waits for a guest has its addresses already. */
  readonly guestRuns?: boolean;
  /** The uids of the migrations that an instance of a virtual machine takes part in. */
  readonly migrations?: readonly string[];
  /** The last of them is between this instance and another one, so that both have one guest. */
  readonly migratesAcross?: boolean;
  /** Its place among the numbered replicas of its controller. */
  readonly replica?: Replica;
  /** Where a pod runs. Absent before it has a node, and once it has finished. */
  readonly runsOn?: RunsOn;
  /** The node of a pod that has finished. */
  readonly ranOn?: string;
}

/** Returns whether it is an instance that takes part in a migration, so that its guest may be that of another machine. */
export function isMigrating({ migrations }: Pick<Workload, 'migrations'>): boolean {
  return migrations !== undefined;
}

/** The token by which a webhook says who got the addresses of a pod. */
export interface StockToken {
  readonly text: string;
  /** The token may be of the name of its pod, or of this. Empty without one. */
  readonly generateName: string;
}

/** The node that runs a pod. */
export interface RunsOn {
  readonly node: string;
  /** How long the pod may take to end, in seconds. */
  readonly graceSeconds: number;
}

/** The scheduling gate of a pod. */
export interface WorkloadGate {
  /** Its position in `spec.schedulingGates`. */
  readonly index: number;
  /** Whether the pod has a token, which a gate of the webhook comes with. Only the webhook knows whether it is valid. */
  readonly hasToken: boolean;
  /** Why the pod waits, as its annotation says. */
  readonly reason: string | undefined;
}

/** An address and the object that uses it. */
export interface UsedAddress {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly mac: MacAddress;
}

/** Returns whether two copies of one version of an object have the same addresses. A new prefix makes those of more interfaces count. */
export function isSameCopy(one: Workload, other: Workload): boolean {
  return isDeepStrictEqual([one.uses, macsOnWire(one)], [other.uses, macsOnWire(other)]);
}

function macsOnWire({ onWire }: Workload): readonly MacAddress[] | undefined {
  return onWire?.map(({ mac }) => mac);
}

/** A kind of workload. Each kind has its own file and is listed in `workloadKinds`. */
export interface WorkloadKind {
  readonly resource: Resource<Workload>;
  /** The kind of KubeVirt that such an object can run for, and that then owns its addresses. */
  readonly parent?: Resource<KubeObject>;
  /** Whether its CRD may be absent, and be installed later. */
  readonly optional: boolean;
  /** Whether such an object can wait for its addresses with a scheduling gate. */
  readonly canBeGated?: boolean;
  /** Whether nothing uses the addresses of such an object once it is deleted or finished. */
  readonly endsItsUse: boolean;
  /**
   * Returns whether any live object still uses the address for its owner. Reads from the API server's store and not from a
   * cache. Throws if the answer is uncertain.
   */
  readonly stillUses: (address: UsedAddress, client: KubeClient) => Promise<boolean>;
}

/** Returns the metadata that the operator reads later of a workload. */
export function trimWorkloadMetadata(metadata: ObjectMeta): ObjectMeta {
  const { creationTimestamp } = metadata;
  return { ...trimMetadata(metadata), ...(creationTimestamp !== undefined && { creationTimestamp }) };
}

/** Returns the metadata that the operator reads later of every object. */
export function trimMetadata({ name, namespace, uid, resourceVersion, deletionTimestamp }: ObjectMeta): ObjectMeta {
  return { name, namespace, uid, resourceVersion, ...(deletionTimestamp !== undefined && { deletionTimestamp }) };
}

/** Returns the lease id in the annotations. */
export function leaseOf({ annotations }: ObjectMeta): Pick<Workload, 'lease'> {
  const lease = annotations?.[ANNOTATIONS.lease];
  return lease === undefined ? {} : { lease };
}

/**
 * Returns the addresses as the object's own, or as those of the object of KubeVirt that controls it. Whether that exists is
 * not known here: `believeOwners` checks it.
 */
export function addressesOf(
  metadata: ObjectMeta,
  parent: Resource<KubeObject>,
  nics: readonly Nic[],
): Pick<Workload, 'nics' | 'nicsOfOwner' | 'runsFor'> {
  const owner = controllerOf(metadata, parent);
  if (owner === undefined) return { nics };
  return { nics: [], runsFor: { name: owner.name, uid: owner.uid }, ...(nics.length > 0 && { nicsOfOwner: nics }) };
}

/** Returns the reference to the controller of an object, if that is of this kind of KubeVirt. */
export function controllerOf({ ownerReferences = [] }: ObjectMeta, { group, kind }: Resource<KubeObject>) {
  return ownerReferences.find(
    (each) => each.controller === true && each.kind === kind && each.apiVersion.startsWith(`${group}/`),
  );
}

/** An object that lives in the cluster. */
export interface LiveWorkload {
  readonly kind: WorkloadKind;
  readonly workload: Workload;
}

/** Returns what an Event about a workload names. */
export function eventSubjectOf({ workload: { metadata }, kind: { resource } }: LiveWorkload): EventTarget {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
}

/** Returns the reference to a workload and one of its interfaces. */
export function consumerRefOf(
  { metadata: { name, uid } }: Workload,
  nic: string,
  { resource }: WorkloadKind,
): ConsumerRef {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, name, uid, nic };
}

/** Returns the interfaces for a cached copy: one text for each network. */
export function internNetworks(nics: readonly Nic[], intern: InternString): readonly Nic[] {
  return nics.map((each) => (each.network === undefined ? each : { ...each, network: intern(each.network) }));
}

/** More interfaces than an object gets addresses for. Everybody can write a report, and each interface is kept in memory. */
const MOST_ON_WIRE = 64;

/** Returns the interfaces of a running object for its cached copy. */
export function onWireOf(reported: readonly ReportedInterface[], intern: InternString): Pick<Workload, 'onWire'> {
  if (reported.length === 0) return {};
  const onWire = reported.slice(0, MOST_ON_WIRE).map(({ name, mac, network, isOwn }) => ({
    name: intern(name),
    mac,
    ...(network !== undefined && { network: intern(network) }),
    ...(isOwn === true && { isOwn }),
  }));
  return { onWire };
}
