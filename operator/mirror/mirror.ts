import { createHash } from 'node:crypto';
import type { MacAllocationSpec } from '../../api/mac-allocation.ts';
import { LABELS, RELEASE_FINALIZER } from '../../api/names.ts';
import type { NewObject } from '../../kube/client/write.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { consumerRefOf, type Workload, type WorkloadKind } from '../workload/workload.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';

/** What a mirror shows: one address on one interface of one object. */
export interface MirrorSubject {
  readonly workload: Workload;
  readonly kind: WorkloadKind;
  readonly nic: string;
  readonly mac: MacAddress;
  readonly pool: string;
  readonly requester: string;
}

/** A mirror is a MacAllocation that the operator made; a claim is one that somebody else made. */
export function isMirror(allocation: Pick<MacAllocation, 'spec'>): boolean {
  return allocation.spec.consumerRef !== undefined;
}

/** Room for `-` and eight digits under the 253 characters of an object's name. */
const LONGEST_PREFIX = 253 - 9;

/**
 * The name tells its reader whose it is, and the hash keeps apart the interfaces of one object, the addresses that one
 * interface had one after the other, and two objects that had one name after the other.
 */
export function mirrorName({ workload, nic, mac }: Pick<MirrorSubject, 'workload' | 'nic' | 'mac'>): string {
  const { name: objectName, uid } = workload.metadata;
  const hash = createHash('sha256')
    .update(JSON.stringify([uid, nic, mac]))
    .digest('hex')
    .slice(0, 8);
  return `${objectName.slice(0, LONGEST_PREFIX).replace(/[-.]+$/, '')}-${hash}`;
}

/** The mirror with its finalizer already on, so that it exists before the ledger is told whose the address is. */
export function newMirror(subject: MirrorSubject): NewObject {
  const { name, namespace, uid } = subject.workload.metadata;
  const consumerRef = consumerRefOf(subject.workload, subject.nic, subject.kind);
  const { apiVersion, kind } = consumerRef;
  const spec: MacAllocationSpec = {
    pool: subject.pool,
    requestedMac: subject.mac,
    // The field's bound; the ledger has the whole name.
    requester: { username: subject.requester.slice(0, 256) },
    consumerRef,
  };
  return {
    metadata: {
      name: mirrorName(subject),
      namespace,
      labels: { [LABELS.consumerUid]: uid },
      finalizers: [RELEASE_FINALIZER],
      // Not a controller, and never blocking: foreground deletion would wait for the mirror, and the mirror for its owner.
      ownerReferences: [{ apiVersion, kind, name, uid, controller: false, blockOwnerDeletion: false }],
    },
    spec,
  };
}
