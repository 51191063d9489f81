import { keyOf } from '../../kube/client/objects.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { watch, type ControllerSpec } from '../wiring/controller-spec.ts';
import type { Sources } from '../wiring/operator-sources.ts';
import { isMirror } from './mirror.ts';
import { reconcileMirror, type MirrorDeps } from './reconcile.ts';

/** Declares the controller of mirrors: MacAllocations that the operator created for the addresses of workloads. */
export function mirrorController(deps: MirrorDeps & Pick<Sources, 'allocations' | 'workloadChanged'>): ControllerSpec {
  const { allocations, workloadChanged } = deps;
  const mirrorKeys = (found: readonly MacAllocation[]) => found.filter(isMirror).map(keyOf);
  return {
    name: 'mirror',
    watches: [
      watch(allocations, ({ object }) => mirrorKeys([object])),
      watch(workloadChanged, (uid) => mirrorKeys(allocations.by('consumer', uid))),
    ],
    reconcile: async (key) => {
      const mirror = allocations.get(key);
      return mirror === undefined ? undefined : await reconcileMirror(mirror, deps);
    },
  };
}
