import { createHash } from 'node:crypto';
import type { ConsumerRef, MacAllocationSpec } from '../api/mac-allocation.ts';
import { LABELS, RELEASE_FINALIZER } from '../api/names.ts';
import type { NewObject } from '../kube/client.ts';
import type { MacAddress } from '../mac/mac-address.ts';
import type { MacAllocation, Pod } from './resources.ts';

/** What a mirror shows: one address on one interface of one object. */
export interface MirrorSubject {
  readonly pod: Pod;
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
 * The name tells its reader whose it is, and the hash keeps apart the interfaces of one object and two objects that had
 * one name after the other.
 */
export function mirrorName(objectName: string, uid: string, nic: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([uid, nic]))
    .digest('hex')
    .slice(0, 8);
  return `${objectName.slice(0, LONGEST_PREFIX).replace(/[-.]+$/, '')}-${hash}`;
}

export function consumerOf({ pod, nic }: Pick<MirrorSubject, 'pod' | 'nic'>): ConsumerRef {
  const { name, uid } = pod.metadata;
  return { apiVersion: 'v1', kind: 'Pod', name, uid, nic };
}

/** The mirror with its finalizer already on, so that it exists before the ledger is told whose the address is. */
export function newMirror(subject: MirrorSubject): NewObject {
  const { name, namespace, uid } = subject.pod.metadata;
  const spec: MacAllocationSpec = {
    pool: subject.pool,
    requestedMac: subject.mac,
    requester: { username: subject.requester },
    consumerRef: consumerOf(subject),
  };
  return {
    metadata: {
      name: mirrorName(name, uid, subject.nic),
      namespace,
      labels: { [LABELS.consumerUid]: uid },
      finalizers: [RELEASE_FINALIZER],
      // Not a controller, and never blocking: foreground deletion would wait for the mirror, and the mirror for its owner.
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid, controller: false, blockOwnerDeletion: false }],
    },
    spec,
  };
}

/** A pod in one of these phases never runs again: its interfaces are gone, and its addresses with them. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}
