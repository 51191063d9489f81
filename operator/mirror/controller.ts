import { isMirror } from '../../api/mac-allocation.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { createLru } from '../../kube/lru.ts';
import { type ControllerSpec, GROUPED_CONCURRENCY, watch } from '../controller/controller-spec.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { type MirrorDeps, reconcileMirror } from './reconcile.ts';

/**
 * How many finished mirrors are remembered. The watch reports their deletion a moment after the operator requested it, and the
 * cache still has them then.
 */
const DONE_MIRRORS = 1_024;

/** Declares the controller of mirrors: MacAllocations that the operator created for the addresses of workloads. */
export function mirrorController(deps: MirrorDeps & Pick<Sources, 'allocations' | 'workloadChanged'>): ControllerSpec {
  const { allocations, workloadChanged } = deps;
  const mirrorKeys = (found: readonly MacAllocation[]) => found.filter(isMirror).map(keyOf);
  const done = createLru<string, true>(DONE_MIRRORS);
  return {
    name: 'mirror',
    concurrency: GROUPED_CONCURRENCY,
    watches: [
      watch(allocations, ({ object }) => mirrorKeys([object])),
      watch(workloadChanged, (uid) => mirrorKeys(allocations.by('consumer', uid))),
    ],
    reconcile: async (key) => {
      const mirror = allocations.get(key);
      if (mirror === undefined || done.get(mirror.metadata.uid) === true) return undefined;
      const result = await reconcileMirror(mirror, deps);
      if (result !== 'done') return result;
      done.set(mirror.metadata.uid, true);
      return undefined;
    },
  };
}
