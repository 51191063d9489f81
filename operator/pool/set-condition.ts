import { setCondition, type NewCondition } from '../../kube/controller/conditions.ts';
import { isConflict } from '../../kube/client/errors.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { macPools } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';

/** Several chores set conditions on one MacPool; each sets its own on what is stored at that moment. */
const TRIES = 5;

/** Sets one condition of a MacPool, where it differs. A pool that is gone needs none. */
export async function setPoolCondition(
  name: string,
  condition: NewCondition,
  { client, now }: Pick<OperatorDeps, 'client' | 'now'>,
): Promise<void> {
  for (let tried = 1; ; tried++) {
    const pool = await getOrUndefined(macPools, { name }, client);
    if (pool === undefined) return;
    const before = pool.status?.conditions ?? [];
    const conditions = [...setCondition(before, condition, now())];
    try {
      await writeStatus(macPools, pool, { ...pool.status, conditions }, client);
      return;
    } catch (error) {
      if (!isConflict(error) || tried >= TRIES) throw error;
    }
  }
}
