import { isStickyClaim } from '../../api/mac-allocation.ts';
import { formatKey, keyOf } from '../../kube/client/objects.ts';
import { type ControllerSpec, GROUPED_CONCURRENCY, watch } from '../controller/controller-spec.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { reconcileStickyClaim, type StickyDeps } from './reconcile.ts';

/** Declares the controller of sticky claims: MacAllocations that show the addresses of names. */
export function stickyController(deps: StickyDeps & Pick<Sources, 'allocations' | 'stickyChanged'>): ControllerSpec {
  const { allocations, stickyChanged } = deps;
  return {
    name: 'sticky',
    concurrency: GROUPED_CONCURRENCY,
    watches: [
      watch(allocations, ({ type, object }) => (isStickyClaim(object) && type !== 'deleted' ? [keyOf(object)] : [])),
      watch(stickyChanged, (key) => [formatKey(key)]),
    ],
    reconcile: async (key) => {
      const claim = allocations.get(key);
      return claim !== undefined && isStickyClaim(claim) ? await reconcileStickyClaim(claim, deps) : undefined;
    },
  };
}
