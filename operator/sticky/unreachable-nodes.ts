import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { listUnreachableNodes } from '../../ledger/sticky/unreachable.ts';
import type { BackoffOptions } from '../../time/backoff.ts';
import { type ControllerSpec, watch } from '../controller/controller-spec.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { isSilent } from '../live/node.ts';
import { reconcileMarks, type ReconcileMarksDeps } from './node-marks.ts';

export type NodeDeps = ReconcileMarksDeps & Pick<Sources, 'nodes' | 'markChanged'>;

/** The key that has all nodes reconciled that may have marks. No node has an empty name. */
const ALL = '';

/**
 * Delays between the tries while the ledger is away. When it is back, it must get the marks before the next pods of those names ask it
 * for their addresses.
 */
const BACKOFF: BackoffOptions = { baseMs: 50, maxMs: 500 };

/** How often all nodes are reconciled, in case that a change was missed, or that the ledger has lost a mark. */
const COMPARE_MS = 300_000;

/**
 * Declares the controller of nodes that do not respond. A pod there may still run after it was deleted by force, while the next pod of
 * its name is created elsewhere. So the addresses of such pods are marked as soon as the node turns NotReady, before anybody deletes
 * a pod, and the next pod of the name is refused while the mark is there.
 */
export function unreachableNodesController(deps: NodeDeps): ControllerSpec {
  const { nodes, workloads, markChanged } = deps;
  return {
    name: 'node',
    concurrency: 1,
    backoff: BACKOFF,
    initialKeys: [ALL],
    watches: [
      watch(nodes, ({ type, object, before }) =>
        type === 'deleted' || isSilent(object) || (before !== undefined && isSilent(before))
          ? [object.metadata.name]
          : [],
      ),
      ...[...workloads.values()].map(({ cache }) =>
        watch(cache, ({ object: { runsOn } }) => {
          const node = runsOn && nodes.get(runsOn.node);
          return node !== undefined && isSilent(node) ? [node.metadata.name] : [];
        }),
      ),
      watch(markChanged, (node) => [node]),
    ],
    reconcile: async (name) => (name === ALL ? await reconcileAll(deps) : await reconcileMarks(name, deps)),
  };
}

/** Has every node reconciled that is silent, or that a mark names. The marks of claims do not need the ledger. */
async function reconcileAll({
  nodes,
  allocations,
  markChanged,
  ledger,
  clusterId,
}: NodeDeps): Promise<ReconcileResult> {
  const silent = nodes.list().filter(isSilent);
  const shown = allocations.list().flatMap(({ status }) => status?.unreachableConsumer?.node ?? []);
  for (const node of new Set([...silent.map(({ metadata }) => metadata.name), ...shown])) markChanged.fire(node);
  for (const node of await listUnreachableNodes(ledger, clusterId)) markChanged.fire(node);
  return { requeueAfterMs: COMPARE_MS };
}
