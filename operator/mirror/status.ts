import type { MacAllocationStatus } from '../../api/mac-allocation.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

const BOUND = { reason: 'Bound', message: 'The operator has seen the object that uses this address' } as const;

const NOT_IN_NETWORKS = {
  reason: 'NotInNetworks',
  message:
    'The networks of the pod do not have this address, so its interface may have another. Find the admission plugin that changed them, and create the pod again',
} as const;

/**
 * Returns the status of a mirror. It stays empty until an address is not in the networks of its object, because a status costs
 * the API server as much as the mirror itself.
 */
export function mirrorStatus(
  { metadata, status = {} }: Pick<MacAllocation, 'metadata' | 'status'>,
  isInNetworks: boolean,
  { now }: Pick<OperatorDeps, 'now'>,
): MacAllocationStatus {
  const { conditions = [] } = status;
  if (isInNetworks && findCondition(conditions, 'Bound') === undefined) return status;
  const bound = isInNetworks ? BOUND : NOT_IN_NETWORKS;
  const { generation: observedGeneration } = metadata;
  const changed = setCondition(conditions, { type: 'Bound', status: 'True', ...bound, observedGeneration }, now());
  return { ...status, conditions: [...changed] };
}
