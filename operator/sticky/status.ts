import { CONSUMER_UNREACHABLE, type MacAllocationStatus, type UnreachableConsumer } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';

/**
 * Returns the status of a sticky claim. It stays empty until the node of its last pod is not ready for the first time, because a
 * status costs the API server as much as the claim itself.
 *
 * @param consumer is the last pod of this name if it may still run
 */
export function stickyStatus(
  { status = {} }: Pick<MacAllocation, 'status'>,
  workload: string,
  consumer: UnreachableConsumer | undefined,
  now: Date,
): MacAllocationStatus {
  const { unreachableConsumer: _, ...rest } = status;
  const { conditions = [] } = status;
  if (consumer === undefined && findCondition(conditions, CONSUMER_UNREACHABLE) === undefined) return rest;
  const report = describeMark(workload, consumer?.node);
  const changed = setCondition(conditions, { type: CONSUMER_UNREACHABLE, ...report }, now);
  return { ...rest, conditions: [...changed], ...(consumer !== undefined && { unreachableConsumer: consumer }) };
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
    `${workload} may still run on Node ${node}, which is or was not Ready. The next ${workload} is refused until that is over:`,
    `when the Node is Ready while ${workload} exists, has been Ready for long enough to end a deleted ${workload},`,
    'is deleted, or has the taint node.kubernetes.io/out-of-service.',
    `If you are sure that ${workload} does not run on it, delete that pod by force, then annotate this MacAllocation with ${ANNOTATIONS.consumerEnded}=${node}`,
  ].join(' ');
  return { status: 'True', reason: 'MayStillRun', message } as const;
}
