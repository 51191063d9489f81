import { type Node, nodes } from '../../kube/client/core-resources.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { trimMetadata } from './workload.ts';

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-out-of-service */
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

/** A node, reduced to what says whether its pods may run without anybody seeing it. */
export interface NodeHealth extends KubeObject {
  readonly isReady: boolean;
  readonly isOutOfService: boolean;
}

/** The nodes of the cluster, trimmed before they are cached. */
export const nodeHealth: Resource<NodeHealth> = {
  ...nodes,
  schema: nodes.schema.transform((node) => ({
    metadata: trimMetadata(node.metadata),
    isReady: readyCondition(node) !== undefined,
    isOutOfService: isOutOfService(node),
  })),
};

/** Returns whether pods may run on the node without anybody seeing them. */
export function isSilent({ isReady, isOutOfService: isOff }: Pick<NodeHealth, 'isReady' | 'isOutOfService'>): boolean {
  return !isReady && !isOff;
}

/** Returns whether a person or a controller has declared that the node is off, so none of its pods runs. */
export function isOutOfService({ spec }: Pick<Node, 'spec'>): boolean {
  return spec.taints.some(({ key }) => key === OUT_OF_SERVICE);
}

/** Returns the condition of a node that is ready. */
export function readyCondition({ status }: Pick<Node, 'status'>): Node['status']['conditions'][number] | undefined {
  return status.conditions.find(({ type, status: value }) => type === 'Ready' && value === 'True');
}
