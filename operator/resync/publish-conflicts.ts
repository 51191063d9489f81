import { GROUP, VERSION } from '../../api/names.ts';
import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../dependencies.ts';
import type { Sources } from '../wiring/operator-sources.ts';

/** An address in use by an object that does not own it. */
export interface Conflict {
  readonly mac: MacAddress;
  /** Kind, namespace and name of that object, such as `Pod web/front`. */
  readonly usedBy: string;
}

export type PublishConflictsDeps = Pick<OperatorDeps, 'client' | 'events' | 'now'>;

/** Sets the Conflict condition of the mirrors and claims whose address another object uses too, or no longer uses. */
export async function publishConflicts(
  conflicts: readonly Conflict[],
  deps: PublishConflictsDeps & Pick<Sources, 'allocations'>,
): Promise<void> {
  for (const allocation of deps.allocations.list()) {
    const { status } = allocation;
    const others = conflicts.filter(({ mac }) => mac === status?.mac).map(({ usedBy }) => usedBy);
    const published = findCondition(status?.conditions ?? [], 'Conflict')?.status === 'True';
    if (status === undefined || (others.length === 0 && !published)) continue;
    await publishConflict(allocation, others, deps);
  }
}

async function publishConflict(
  allocation: MacAllocation,
  others: readonly string[],
  { client, events, now }: PublishConflictsDeps,
): Promise<void> {
  const { metadata, status = {} } = allocation;
  const condition =
    others.length > 0
      ? {
          status: 'True' as const,
          reason: 'AddressShared',
          message: `${others.join(', ')} also uses this address. Give one of them another address`,
        }
      : { status: 'False' as const, reason: 'Resolved', message: 'Only its owner uses this address' };
  const conditions = setCondition(status.conditions ?? [], { type: 'Conflict', ...condition }, now());
  try {
    await writeStatus(macAllocations, allocation, { ...status, conditions: [...conditions] }, client);
  } catch (error) {
    // Changed or deleted meanwhile: the next resync publishes the conflict.
    if (!isConflict(error) && !isNotFound(error)) throw error;
    return;
  }
  const type = others.length > 0 ? 'Warning' : 'Normal';
  events.record(
    { apiVersion: `${GROUP}/${VERSION}`, kind: 'MacAllocation', metadata },
    { type, reason: condition.reason, action: 'Compare', note: condition.message },
  );
}
