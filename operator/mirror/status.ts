import type { MacAllocationStatus } from '../../api/mac-allocation.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Condition } from '../../kube/client/objects.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';
import { APPLIED, appliedReport, type ConditionReport } from '../allocation/applied.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { WorkloadAddress } from '../live/live-address.ts';

const BOUND = {
  status: 'True',
  reason: 'Bound',
  message: 'The networks of the object have this address',
} as const;

const NOT_IN_NETWORKS = {
  status: 'True',
  reason: 'NotInNetworks',
  message:
    'The networks of the pod do not have this address, so its interface may have another. Find the admission plugin that changed them, and create the pod again',
} as const;

type Checked = Pick<WorkloadAddress, 'isOnlyReported' | 'reported'>;

/**
 * Returns the status of a mirror. It stays empty until an address is not in the networks of its object, or its interface has
 * another one, because a status costs the API server as much as the mirror itself.
 */
export function mirrorStatus(
  { metadata, status = {} }: Pick<MacAllocation, 'metadata' | 'status'>,
  { isOnlyReported, reported = {} }: Checked,
  { now }: Pick<OperatorDeps, 'now'>,
): MacAllocationStatus {
  const { generation: observedGeneration } = metadata;
  const before = status.conditions ?? [];
  const isWrong = { Bound: isOnlyReported === true, [APPLIED]: reported.actualMac !== undefined };
  const reports: readonly (readonly [type: keyof typeof isWrong, report: ConditionReport])[] = [
    ['Bound', isWrong.Bound ? NOT_IN_NETWORKS : BOUND],
    [APPLIED, appliedReport(reported)],
  ];
  const changed = reports
    // Anything else than a problem is written only over what was written before.
    .filter(([type]) => isWrong[type] || findCondition(before, type) !== undefined)
    .reduce<readonly Condition[]>(
      (conditions, [type, report]) => setCondition(conditions, { type, ...report, observedGeneration }, now()),
      before,
    );
  return changed === before ? status : { ...status, conditions: [...changed] };
}
