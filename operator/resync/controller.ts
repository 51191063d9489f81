import { ANNOTATIONS } from '../../api/names.ts';
import type { MacPool } from '../../kube/client/mac-resources.ts';
import { type ControllerSpec, watch } from '../controller/controller-spec.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { type ResyncDeps, runResync } from './resync.ts';

/** The only key of this controller: a resync compares everything. */
const RESYNC_KEY = 'resync';

/** Declares the controller of resyncs. It runs at the start, at every interval, after an approval on a MacPool, and for a new prefix. */
export function resyncController(
  deps: ResyncDeps & Pick<OperatorDeps, 'resyncEveryMs'> & Pick<Sources, 'pools' | 'prefixesChanged'>,
): ControllerSpec {
  return {
    name: 'resync',
    watches: [
      watch(deps.pools, ({ object, before }) =>
        approvedRelease(object) === approvedRelease(before) ? [] : [RESYNC_KEY],
      ),
      watch(deps.prefixesChanged, () => [RESYNC_KEY]),
    ],
    initialKeys: [RESYNC_KEY],
    concurrency: 1,
    backoff: { baseMs: 1_000, maxMs: deps.resyncEveryMs },
    reconcile: async () => {
      await runResync(deps);
      return { requeueAfterMs: deps.resyncEveryMs };
    },
  };
}

function approvedRelease(pool: MacPool | undefined): string | undefined {
  return pool?.metadata.annotations?.[ANNOTATIONS.approveRelease];
}
