import { createHash } from 'node:crypto';
import type { ConsumerRef, MacAllocationSpec } from '../../api/mac-allocation.ts';
import { LABELS, RELEASE_FINALIZER } from '../../api/names.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { parseMac, type MacAddress } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { consumerRefOf, type Workload, type WorkloadKind } from '../workload/workload.ts';

/** The content of a mirror: one address on one interface of one object. */
export interface MirrorSubject {
  readonly workload: Workload;
  readonly kind: WorkloadKind;
  readonly nic: string;
  readonly mac: MacAddress;
  readonly pool: string;
  readonly requester: string;
}

/** The address of an existing mirror, and the object that it was created for. */
export interface MirroredAddress {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly consumer: ConsumerRef;
  readonly mac: MacAddress;
}

/** Returns whether the operator created this MacAllocation. Any other MacAllocation is a claim. */
export function isMirror(allocation: Pick<MacAllocation, 'spec'>): boolean {
  return allocation.spec.consumerRef !== undefined;
}

/** An object's name has at most 253 characters. The suffix takes nine: `-` and eight digits. */
const LONGEST_PREFIX = 253 - 9;

/**
 * Returns the name of a mirror: the name of its object and a hash. The hash distinguishes the interfaces of one object,
 * successive addresses of one interface, and successive objects of one name.
 */
export function mirrorName({ workload, nic, mac }: Pick<MirrorSubject, 'workload' | 'nic' | 'mac'>): string {
  const { name: objectName, uid } = workload.metadata;
  const hash = createHash('sha256')
    .update(JSON.stringify([uid, nic, mac]))
    .digest('hex')
    .slice(0, 8);
  return `${objectName.slice(0, LONGEST_PREFIX).replace(/[-.]+$/, '')}-${hash}`;
}

/** Returns a new mirror with its finalizer, because the mirror must exist before the ledger binds the address. */
export function newMirror(subject: MirrorSubject): NewObject {
  const { name, namespace, uid } = subject.workload.metadata;
  const consumerRef = consumerRefOf(subject.workload, subject.nic, subject.kind);
  const { apiVersion, kind } = consumerRef;
  const spec: MacAllocationSpec = {
    pool: subject.pool,
    requestedMac: subject.mac,
    // The field is limited to 256 characters. The ledger has the whole name.
    requester: { username: subject.requester.slice(0, 256) },
    consumerRef,
  };
  return {
    metadata: {
      name: mirrorName(subject),
      namespace,
      labels: { [LABELS.consumerUid]: uid },
      finalizers: [RELEASE_FINALIZER],
      // Never blocking: a foreground deletion would wait for the mirror, and the mirror for its owner.
      ownerReferences: [{ apiVersion, kind, name, uid, controller: false, blockOwnerDeletion: false }],
    },
    spec,
  };
}

/** Returns the address of a mirror; `undefined` for a kind that this version of the operator does not know. */
export function mirroredAddressOf(
  { metadata, spec }: MacAllocation,
  { kinds }: Pick<OperatorDeps, 'kinds'>,
): MirroredAddress | undefined {
  const { consumerRef: consumer, requestedMac = '' } = spec;
  const kind = kinds.find(({ resource }) => resource.kind === consumer?.kind);
  const parsed = parseMac(requestedMac);
  if (consumer === undefined || kind === undefined || !parsed.ok) return undefined;
  return { kind, namespace: metadata.namespace ?? '', consumer, mac: parsed.mac };
}
