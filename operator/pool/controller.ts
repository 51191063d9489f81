import { keyOf } from '../../kube/client/objects.ts';
import { type ControllerSpec, watch } from '../controller/controller-spec.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { type PoolDeps, reconcilePool } from './reconcile.ts';

/** Declares the controller of MacPools. */
export function poolController(deps: PoolDeps & Pick<Sources, 'pools'>): ControllerSpec {
  const { pools } = deps;
  return {
    name: 'pool',
    watches: [watch(pools, ({ object }) => [keyOf(object)])],
    reconcile: async (key) => {
      const pool = pools.get(key);
      return pool === undefined ? undefined : await reconcilePool(pool, deps);
    },
  };
}
