import { setCondition, type NewCondition } from '../kube/conditions.ts';
import { isConflict } from '../kube/errors.ts';
import type { OperatorContext } from './context.ts';
import { readIfThere } from './read-live.ts';
import { macPools } from '../kube/mac-resources.ts';

/** Several chores set conditions on one MacPool; each sets its own on what is stored at that moment. */
const TRIES = 5;

/** Sets one condition of a MacPool, where it differs. A pool that is gone needs none. */
export async function setPoolCondition(
  name: string,
  condition: NewCondition,
  { client, now }: Pick<OperatorContext, 'client' | 'now'>,
): Promise<void> {
  for (let tried = 1; ; tried++) {
    const pool = await readIfThere(macPools, { name }, client);
    if (pool === undefined) return;
    const before = pool.status?.conditions ?? [];
    const after = setCondition(before, condition, now());
    if (after === before) return;
    const { uid, resourceVersion } = pool.metadata;
    const body = { metadata: { uid, resourceVersion }, status: { conditions: after } };
    try {
      await client.patch(macPools, { name }, { type: 'merge', body }, { subresource: 'status' });
      return;
    } catch (error) {
      if (!isConflict(error) || tried >= TRIES) throw error;
    }
  }
}
