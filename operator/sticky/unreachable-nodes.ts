import { nodes } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { findByMacs } from '../../ledger/address/find.ts';
import { isStickyKey, stickyKey } from '../../ledger/address/holder-key.ts';
import { clearUnreachable, listUnreachable, markUnreachable } from '../../ledger/sticky/unreachable.ts';
import { type ControllerSpec, watch } from '../controller/controller-spec.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { liveAddresses } from '../live/live-address.ts';
import { isOutOfService, type NodeHealth, readyCondition } from '../live/node.ts';
import { notifyClaims } from './notify-claims.ts';

export type NodeDeps = Pick<OperatorDeps, 'ledger' | 'client' | 'clusterId' | 'actor' | 'logger'> &
  Pick<Sources, 'nodes' | 'workloads' | 'stickyChanged'>;

/** The key that compares all marks of the ledger with the nodes. No node has an empty name. */
const ALL = '';

/** How often the marks are compared, in case that a change of a node was missed. */
const COMPARE_MS = 300_000;

/** How soon a pod is looked at again whose address the ledger has not bound yet. */
const UNBOUND_MS = 1_000;

/**
 * Declares the controller of nodes that do not respond. A pod there may still run after it was deleted by force, while the next pod of
 * its name is created elsewhere. So the addresses of such pods are marked as soon as the node turns NotReady, before anybody deletes
 * a pod, and the next pod of the name is refused while the mark is there.
 */
export function unreachableNodesController(deps: NodeDeps): ControllerSpec {
  const { nodes: cached, workloads } = deps;
  return {
    name: 'node',
    concurrency: 1,
    initialKeys: [ALL],
    watches: [
      watch(cached, ({ type, object, before }) =>
        type === 'deleted' || isSilent(object) || (before !== undefined && isSilent(before))
          ? [object.metadata.name]
          : [],
      ),
      ...[...workloads.values()].map(({ cache }) =>
        watch(cache, ({ object: { runsOn } }) => {
          const node = runsOn && cached.get(runsOn.node);
          return node !== undefined && isSilent(node) ? [node.metadata.name] : [];
        }),
      ),
    ],
    reconcile: async (name) => {
      if (name !== ALL) return await reconcileNode(name, deps);
      for (const node of new Set((await listUnreachable(deps.ledger, deps.clusterId)).map(markOf))) {
        const known = cached.get(node);
        if (known === undefined || !isSilent(known)) await clearMarks(node, deps);
      }
      return { requeueAfterMs: COMPARE_MS };
    },
  };
}

function markOf({ unreachableNode = '' }: { readonly unreachableNode?: string | undefined }): string {
  return unreachableNode;
}

/** Returns whether pods may run on the node without anybody seeing them. */
function isSilent({ isReady, isOutOfService: isOff }: NodeHealth): boolean {
  return !isReady && !isOff;
}

async function reconcileNode(name: string, deps: NodeDeps): Promise<ReconcileResult> {
  const node = deps.nodes.get(name);
  if (node !== undefined && isSilent(node)) return await markPodsOf(name, deps);
  await clearMarks(name, deps);
  return undefined;
}

/** Marks the sticky addresses of the pods of a node. One that is not bound yet is marked once it is. */
async function markPodsOf(node: string, deps: NodeDeps): Promise<ReconcileResult> {
  const { ledger, clusterId, actor, logger, workloads } = deps;
  const used = [...workloads.values()].flatMap(({ kind, cache }) =>
    cache.by('node', node).flatMap((workload) => liveAddresses(workload, kind, { clusterId })),
  );
  const keys = new Set(used.map(({ owner }) => stickyKey(owner)));
  const rows = (await findByMacs(ledger, [...new Set(used.map(({ mac }) => mac))])).filter(
    ({ key, unreachableNode }) => isStickyKey(key) && keys.has(key) && unreachableNode === undefined,
  );
  const outcomes = rows.length === 0 ? [] : await markUnreachable(ledger, { clusterId, node }, rows, actor);
  const marked = rows.filter((_, index) => outcomes[index]?.outcome === 'marked');
  if (marked.length > 0) {
    notifyClaims(marked, deps);
    logger.warn(
      { node, count: marked.length },
      'a node is not ready: sticky addresses of its pods are kept from their next pods',
    );
  }
  return rows.some(({ state }) => state === 'pending') ? { requeueAfterMs: UNBOUND_MS } : undefined;
}

/** Ends the marks of a node, after an uncached read: a cache that lags behind must not end them. */
async function clearMarks(name: string, deps: NodeDeps): Promise<void> {
  const { ledger, client, clusterId, actor, logger } = deps;
  const marked = (await listUnreachable(ledger, clusterId)).filter(({ unreachableNode }) => unreachableNode === name);
  if (marked.length === 0) return;
  const node = await getOrUndefined(nodes, { name }, client);
  const reason =
    node === undefined
      ? 'its node is deleted'
      : isOutOfService(node)
        ? 'its node is out of service'
        : readyCondition(node) && 'its node is ready again';
  if (reason === undefined) return;
  await clearUnreachable(ledger, { clusterId, node: name }, { actor, reason });
  notifyClaims(marked, deps);
  logger.info({ node: name, count: marked.length }, `sticky addresses are given to their next pods again: ${reason}`);
}
