import { CONSUMER_UNREACHABLE, type MacAllocationStatus } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';

/**
 * Returns the status of a sticky claim. It stays empty until the node of its last pod is not ready for the first time, because a
 * status costs the API server as much as the claim itself.
 *
 * @param node is where the last pod of this name may still run
 */
export function stickyStatus(
  { status = {} }: Pick<MacAllocation, 'status'>,
  workload: string,
  node: string | undefined,
  now: Date,
): MacAllocationStatus {
  const { conditions = [] } = status;
  if (node === undefined && findCondition(conditions, CONSUMER_UNREACHABLE) === undefined) return status;
  const changed = setCondition(conditions, { type: CONSUMER_UNREACHABLE, ...describeMark(workload, node) }, now);
  return { ...status, conditions: [...changed] };
}

function describeMark(workload: string, node: string | undefined) {
  if (node === undefined) {
    return {
      status: 'False',
      reason: 'Reachable',
      message: `No earlier ${workload} can still use the address`,
    } as const;
  }
  const message = [
    `Node ${node} is not Ready, so ${workload} may still run there. The next ${workload} is refused until that is over:`,
    'when the Node is Ready again, is deleted, or has the taint node.kubernetes.io/out-of-service.',
    `If you are sure that ${workload} does not run on it, delete that pod by force, then annotate this MacAllocation with ${ANNOTATIONS.consumerEnded}=${node}`,
  ].join(' ');
  return { status: 'True', reason: 'NodeNotReady', message } as const;
}
