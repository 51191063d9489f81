import { GROUP, VERSION } from '../../api/names.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';
import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { consumerRefOf, type Workload, type WorkloadKind } from './workload.ts';
import type { OperatorDeps } from '../dependencies.ts';
import type { LiveAddress } from './classify.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';

/** An address that something carries which is not its owner. */
export interface Conflict {
  readonly mac: MacAddress;
  /** Kind, namespace and name of who carries it. */
  readonly usedBy: string;
}

/** Tells the owner of an object that its address is somebody else's. Nothing of the object is changed. */
export function reportConflict(
  workload: Workload,
  kind: WorkloadKind,
  { mac, owner }: LiveAddress,
  row: AddressRow,
  { events, clusterId }: Pick<OperatorDeps, 'events' | 'clusterId'>,
): void {
  const { apiVersion, kind: kindName } = consumerRefOf(workload, owner.nic, kind);
  const note = `${mac} on interface ${owner.nic} is held by ${whose(row, clusterId)}: two may use it at once. Give one of them another address`;
  events.record(
    { apiVersion, kind: kindName, metadata: workload.metadata },
    { type: 'Warning', reason: 'AddressConflict', action: 'Compare', note },
  );
}

/** Who holds an address, without the names of other tenants: those are for people who may read the ledger. */
function whose({ owner, device, state }: AddressRow, clusterId: string): string {
  if (owner === undefined)
    return device === undefined ? `nobody that is known (${state})` : 'a device outside the cluster';
  return owner.clusterId === clusterId ? `a ${owner.kind}` : `a ${owner.kind} of another cluster`;
}

/** Shows on the mirrors and claims of this cluster whose address somebody else carries too that it is so, and its end. */
export async function showConflicts(
  conflicts: readonly Conflict[],
  allocations: readonly MacAllocation[],
  context: OperatorDeps,
): Promise<void> {
  for (const allocation of allocations) {
    const { status } = allocation;
    const others = conflicts.filter(({ mac }) => mac === status?.mac).map(({ usedBy }) => usedBy);
    const shown = findCondition(status?.conditions ?? [], 'Conflict')?.status === 'True';
    if (status === undefined || (others.length === 0 && !shown)) continue;
    await show(allocation, others, context);
  }
}

async function show(
  allocation: MacAllocation,
  others: readonly string[],
  { client, events, now }: OperatorDeps,
): Promise<void> {
  const { metadata, status = {} } = allocation;
  const condition =
    others.length > 0
      ? {
          status: 'True' as const,
          reason: 'AddressShared',
          message: `Also carried by ${others.join(', ')}: give one of them another address`,
        }
      : { status: 'False' as const, reason: 'Resolved', message: 'Only its owner carries the address' };
  const conditions = setCondition(status.conditions ?? [], { type: 'Conflict', ...condition }, now());
  try {
    await writeStatus(macAllocations, allocation, { ...status, conditions: [...conditions] }, client);
  } catch (error) {
    // Changed or gone meanwhile: the next resync shows it.
    if (!isConflict(error) && !isNotFound(error)) throw error;
    return;
  }
  const type = others.length > 0 ? 'Warning' : 'Normal';
  events.record(
    { apiVersion: `${GROUP}/${VERSION}`, kind: 'MacAllocation', metadata },
    { type, reason: condition.reason, action: 'Compare', note: condition.message },
  );
}
