import { GROUP, VERSION } from '../../api/names.ts';
import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

export type PublishConditionDeps = Pick<OperatorDeps, 'client' | 'events' | 'logger' | 'now'>;

/** Returns whether the allocation says that another object uses its address. */
export function saysConflict({ status }: Pick<MacAllocation, 'status'>): boolean {
  return findCondition(status?.conditions ?? [], 'Conflict')?.status === 'True';
}

/**
 * Sets the Conflict condition of a mirror or claim, or takes it back without a message. Returns whether the status is as it
 * should be. A status that cannot be written is logged: one object of a tenant must not keep others from being published.
 */
export async function publishCondition(
  allocation: MacAllocation,
  message: string | undefined,
  { client, events, logger, now }: PublishConditionDeps,
): Promise<boolean> {
  const { metadata, status = {} } = allocation;
  const before = status.conditions ?? [];
  const condition =
    message === undefined
      ? { status: 'False' as const, reason: 'Resolved', message: 'Only its owner uses this address' }
      : { status: 'True' as const, reason: 'AddressShared', message };
  const conditions = setCondition(before, { type: 'Conflict', ...condition }, now());
  if (conditions === before) return true;
  try {
    await writeStatus(macAllocations, allocation, { ...status, conditions: [...conditions] }, client);
  } catch (error) {
    if (isNotFound(error)) return true;
    if (!isConflict(error)) logger.warn({ err: error, allocation: keyOf(allocation) }, 'could not publish a conflict');
    return false;
  }
  events.record(
    { apiVersion: `${GROUP}/${VERSION}`, kind: 'MacAllocation', metadata },
    {
      type: message === undefined ? 'Normal' : 'Warning',
      reason: condition.reason,
      action: 'Compare',
      note: condition.message,
    },
  );
  return true;
}
