import type { MacAllocationSpec, StickyFor } from '../../api/mac-allocation.ts';
import { LABELS, RELEASE_FINALIZER } from '../../api/names.ts';
import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { formatKey } from '../../kube/client/objects.ts';
import { apiVersionOf } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { stickyKey } from '../../ledger/address/holder-key.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import type { Workload, WorkloadKind } from '../live/workload.ts';

/** The content of a sticky claim: the address of an interface of a workload that exists. */
export interface StickySubject {
  readonly workload: Workload;
  readonly kind: WorkloadKind;
  readonly nic: string;
  /** The row of the address in the ledger. */
  readonly row: Pick<AddressRow, 'mac' | 'pool' | 'requester' | 'generation'>;
  readonly clusterId: string;
}

/** The address of an existing sticky claim, with its owner and its key in the ledger. */
export interface StickyAddress {
  readonly kind: WorkloadKind;
  readonly owner: Owner;
  readonly key: string;
  readonly mac: MacAddress;
}

/** Returns for whom the addresses of a workload's interface are kept, and what happens to them without it. */
export function stickyForOf({ workload, kind, nic }: Pick<StickySubject, 'workload' | 'kind' | 'nic'>): StickyFor {
  const { resource } = kind;
  const named = { apiVersion: apiVersionOf(resource), kind: resource.kind, name: workload.metadata.name, nic };
  return { ...named, ...workload.replica };
}

/**
 * Returns a new sticky claim with its finalizer, because it must exist before the ledger binds the address. It has no owner
 * reference, because it outlives the workload.
 */
export function newStickyClaim(subject: StickySubject): NewObject {
  const { workload, row, clusterId } = subject;
  const stickyFor = stickyForOf(subject);
  const spec: MacAllocationSpec = {
    pool: row.pool,
    mac: row.mac,
    // The field is limited to 256 characters. The ledger has the whole name.
    requester: { username: row.requester.slice(0, 256) },
    stickyFor,
    ledger: { generation: row.generation, clusterId },
  };
  return {
    metadata: {
      name: stickyClaimName(stickyFor),
      namespace: workload.metadata.namespace,
      labels: { [LABELS.sticky]: 'true' },
      finalizers: [RELEASE_FINALIZER],
    },
    spec,
  };
}

/** Returns whether the operator made this MacAllocation for the interface of this workload. Its name and label prove nothing. */
export function isFor({ spec }: MacAllocation, { kind, name, nic }: Pick<StickyFor, 'kind' | 'name' | 'nic'>): boolean {
  const { stickyFor } = spec;
  return stickyFor?.kind === kind && stickyFor.name === name && stickyFor.nic === nic;
}

/** Returns the cached sticky claim that shows the address of an interface of a name. */
export function stickyClaimOf(
  owner: Pick<Owner, 'namespace' | 'kind' | 'name' | 'nic'>,
  { allocations }: Pick<Sources, 'allocations'>,
): MacAllocation | undefined {
  const claim = allocations.get(formatKey({ namespace: owner.namespace, name: stickyClaimName(owner) }));
  return claim !== undefined && isFor(claim, owner) ? claim : undefined;
}

/** Returns the address of a sticky claim; `undefined` for a kind that this version of the operator does not know. */
export function stickyAddressOf(
  { metadata, spec }: MacAllocation,
  { kinds, clusterId }: Pick<OperatorDeps, 'kinds' | 'clusterId'>,
): StickyAddress | undefined {
  const { stickyFor, mac = '' } = spec;
  const kind = kinds.find(({ resource }) => resource.kind === stickyFor?.kind);
  const parsed = parseMac(mac);
  if (stickyFor === undefined || kind === undefined || !parsed.ok) return undefined;
  const { name, nic } = stickyFor;
  const owner = { clusterId, kind: kind.resource.kind, namespace: metadata.namespace ?? '', name, nic };
  return { kind, owner, key: stickyKey(owner), mac: parsed.mac };
}
