import type { KubeClient } from '../../kube/client/client.ts';
import { leases, nodes } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { isOutOfService, readyCondition } from '../live/node.ts';
import type { NodeState } from './node-contact.ts';

/** The namespace with the Lease of each node, which has the node's name. */
const NODE_LEASES = 'kube-node-lease';

/** The default of a kubelet: https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
const DEFAULT_LEASE_SECONDS = 40;

/** What the API server shows of a node, and whether the node is Ready. */
export type StoredNode = NodeState & { readonly isReady: boolean };

/** Reads what the API server has stored about a node. Returns `undefined` only if the node does not exist. */
export async function readNode(name: string, client: KubeClient): Promise<StoredNode | undefined> {
  const node = await getOrUndefined(nodes, { name }, client);
  if (node === undefined) return undefined;
  const lease = await getOrUndefined(leases, { namespace: NODE_LEASES, name }, client);
  const renewedAt = toMs(lease?.spec.renewTime);
  const ready = readyCondition(node);
  const readySince = toMs(ready?.lastTransitionTime);
  return {
    isReady: ready !== undefined,
    isOutOfService: isOutOfService(node),
    leaseMs: (lease?.spec.leaseDurationSeconds ?? DEFAULT_LEASE_SECONDS) * 1_000,
    renewedAt,
    ...(renewedAt !== undefined && readySince !== undefined && { readyForMs: renewedAt - readySince }),
  };
}

function toMs(time: string | null | undefined): number | undefined {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}
