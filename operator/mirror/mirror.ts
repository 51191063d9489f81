import { hashedName } from '../../api/hashed-name.ts';
import type { ConsumerRef, MacAllocationSpec } from '../../api/mac-allocation.ts';
import { LABELS, RELEASE_FINALIZER } from '../../api/names.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { NewObject } from '../../kube/client/write.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { consumerRefOf, type Workload, type WorkloadKind } from '../live/workload.ts';

/** The content of a mirror: one address on one interface of one object. */
export interface MirrorSubject {
  readonly workload: Workload;
  readonly kind: WorkloadKind;
  readonly nic: string;
  readonly mac: MacAddress;
  /** The row of the address in the ledger. */
  readonly row: Pick<AddressRow, 'pool' | 'requester' | 'generation'>;
  readonly clusterId: string;
}

/** The address of an existing mirror, and the object that it was created for. */
export interface MirroredAddress {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly consumer: ConsumerRef;
  readonly mac: MacAddress;
}

/**
 * Returns the name of a mirror: the name of its object and a hash. The hash distinguishes the interfaces of one object,
 * successive addresses of one interface, and successive objects of one name.
 */
export function mirrorName({ workload, nic, mac }: Pick<MirrorSubject, 'workload' | 'nic' | 'mac'>): string {
  const { name: objectName, uid } = workload.metadata;
  return hashedName(objectName, [uid, nic, mac]);
}

/**
 * Returns a new mirror with its finalizer, because the mirror must exist before the ledger binds the address. Its spec has
 * everything, because a status takes a second request. It has no owner reference: the operator deletes it, and the garbage
 * collector would ask for both objects and delete it once more.
 */
export function newMirror(subject: MirrorSubject): NewObject {
  const { workload, kind, nic, mac, row, clusterId } = subject;
  const { namespace, uid } = workload.metadata;
  const spec: MacAllocationSpec = {
    pool: row.pool,
    mac,
    // The field is limited to 256 characters. The ledger has the whole name.
    requester: { username: row.requester.slice(0, 256) },
    consumerRef: consumerRefOf(workload, nic, kind),
    ledger: { generation: row.generation, clusterId },
  };
  return {
    metadata: {
      name: mirrorName(subject),
      namespace,
      labels: { [LABELS.consumerUid]: uid },
      finalizers: [RELEASE_FINALIZER],
    },
    spec,
  };
}

/** Returns the address of a mirror; `undefined` for a kind that this version of the operator does not know. */
export function mirroredAddressOf(
  { metadata, spec }: MacAllocation,
  { kinds }: Pick<OperatorDeps, 'kinds'>,
): MirroredAddress | undefined {
  const { consumerRef: consumer, mac = '' } = spec;
  const kind = kinds.find(({ resource }) => resource.kind === consumer?.kind);
  const parsed = parseMac(mac);
  if (consumer === undefined || kind === undefined || !parsed.ok) return undefined;
  return { kind, namespace: metadata.namespace ?? '', consumer, mac: parsed.mac };
}
