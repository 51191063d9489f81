import type { MacPoolStatus } from '../../api/mac-pool.ts';
import { GROUP, VERSION } from '../../api/names.ts';
import { isConflict } from '../../kube/client/errors.ts';
import { type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { findCondition, type NewCondition, setCondition } from '../../kube/controller/conditions.ts';
import type { EventTarget } from '../../kube/controller/events.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

/** Several tasks set conditions on one MacPool at the same time, so a write may conflict a few times. */
const MAX_ATTEMPTS = 5;

/** Sets one condition of the newest stored MacPool if it differs. Ignores a pool that does not exist. */
export async function setPoolCondition(
  name: string,
  condition: NewCondition,
  { client, now }: Pick<OperatorDeps, 'client' | 'now'>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const pool = await getOrUndefined(macPools, { name }, client);
    if (pool === undefined) return;
    const before = pool.status?.conditions ?? [];
    const conditions = [...setCondition(before, condition, now())];
    try {
      await writeStatus(macPools, pool, { ...pool.status, conditions }, client);
      return;
    } catch (error) {
      if (!isConflict(error) || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}

/** Sets a condition of a pool that was just read, without a request if it has it already. */
export async function publishCondition(
  { metadata, status }: MacPool,
  condition: NewCondition,
  deps: Pick<OperatorDeps, 'client' | 'now'>,
): Promise<void> {
  const published = findCondition(status?.conditions ?? [], condition.type);
  if (published?.reason === condition.reason && published.message === condition.message) return;
  await setPoolCondition(metadata.name, condition, deps);
}

/** As `publishCondition`, for a condition that is usually false: a pool where it never was otherwise does not get it. */
export async function publishException(
  pool: MacPool,
  condition: NewCondition,
  deps: Pick<OperatorDeps, 'client' | 'now'>,
): Promise<void> {
  const wasPublished = findCondition(pool.status?.conditions ?? [], condition.type) !== undefined;
  if (wasPublished || condition.status !== 'False') await publishCondition(pool, condition, deps);
}

/**
 * Sets the Ready condition of the MacPool that was reconciled, with its generation, and what was seen of the ledger. Throws if the pool
 * has changed. Records an Event if the ledger refuses the pool for a new reason, and when it accepts the pool after all.
 */
export async function publishReady(
  pool: MacPool,
  condition: NewCondition,
  { client, events, now }: Pick<OperatorDeps, 'client' | 'events' | 'now'>,
  seen: Pick<MacPoolStatus, 'strategy'> = {},
): Promise<void> {
  const { generation } = pool.metadata;
  const before: MacPoolStatus = pool.status ?? {};
  const withGeneration = { ...condition, observedGeneration: generation };
  const after: MacPoolStatus = {
    ...before,
    ...seen,
    conditions: [...setCondition(before.conditions ?? [], withGeneration, now())],
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  await writeStatus(macPools, pool, after, client);
  const { status, reason, message } = condition;
  const reported = findCondition(before.conditions ?? [], 'Ready');
  // A new pool that the ledger accepts needs no Event.
  if (reported?.reason === reason || (reported === undefined && status === 'True')) return;
  const type = status === 'True' || reason === 'Paused' ? 'Normal' : 'Warning';
  events.record(targetOf(pool), { type, reason, action: 'Define', note: message });
}

function targetOf({ metadata }: MacPool): EventTarget {
  return { apiVersion: `${GROUP}/${VERSION}`, kind: 'MacPool', metadata };
}
