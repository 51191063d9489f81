import { macOf } from '../../api/mac-allocation.ts';
import { GROUP, VERSION } from '../../api/names.ts';
import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { type AddressUser, conflictMessage } from './conflict-message.ts';

/** An address in use by an object that does not own it. */
export interface Conflict {
  readonly mac: MacAddress;
  readonly user: AddressUser;
}

export type PublishConflictsDeps = Pick<OperatorDeps, 'client' | 'events' | 'logger' | 'now'>;

/**
 * Sets the Conflict condition of the mirrors and claims whose address another object uses too, or no longer uses. A status
 * that cannot be written is logged: one object of a tenant must not end the resync of the whole cluster.
 */
export async function publishConflicts(
  conflicts: readonly Conflict[],
  deps: PublishConflictsDeps & Pick<Sources, 'allocations'>,
): Promise<void> {
  const usersByMac = Map.groupBy(conflicts, ({ mac }) => String(mac));
  for (const allocation of deps.allocations.list()) {
    const others = (usersByMac.get(macOf(allocation) ?? '') ?? []).map(({ user }) => user);
    const published = findCondition(allocation.status?.conditions ?? [], 'Conflict')?.status === 'True';
    if (others.length === 0 && !published) continue;
    await publishConflict(allocation, others, deps);
  }
}

async function publishConflict(
  allocation: MacAllocation,
  others: readonly AddressUser[],
  { client, events, logger, now }: PublishConflictsDeps,
): Promise<void> {
  const { metadata, status = {} } = allocation;
  const condition =
    others.length > 0
      ? {
          status: 'True' as const,
          reason: 'AddressShared',
          message: conflictMessage(others, metadata.namespace),
        }
      : { status: 'False' as const, reason: 'Resolved', message: 'Only its owner uses this address' };
  const conditions = setCondition(status.conditions ?? [], { type: 'Conflict', ...condition }, now());
  try {
    await writeStatus(macAllocations, allocation, { ...status, conditions: [...conditions] }, client);
  } catch (error) {
    // Changed or deleted meanwhile: the next resync publishes the conflict.
    if (!isConflict(error) && !isNotFound(error)) {
      logger.warn({ err: error, allocation: keyOf(allocation) }, 'could not publish a conflict');
    }
    return;
  }
  const type = others.length > 0 ? 'Warning' : 'Normal';
  events.record(
    { apiVersion: `${GROUP}/${VERSION}`, kind: 'MacAllocation', metadata },
    { type, reason: condition.reason, action: 'Compare', note: condition.message },
  );
}
