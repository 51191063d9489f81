import type { MacAllocationStatus } from '../../api/mac-allocation.ts';
import { setCondition, toTime } from '../../kube/controller/conditions.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../dependencies.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';

interface BoundAddress {
  readonly mac: MacAddress;
  readonly generation: number;
  readonly allocatedAt: Date;
}

/** Returns the status of a mirror whose address is bound. */
export function boundStatus(
  mirror: MacAllocation,
  { mac, generation, allocatedAt }: BoundAddress,
  { clusterId, now }: Pick<OperatorDeps, 'clusterId' | 'now'>,
): MacAllocationStatus {
  const before: MacAllocationStatus = mirror.status ?? {};
  const observedGeneration = mirror.metadata.generation;
  const { consumerRef } = mirror.spec;
  const ready = setCondition(
    before.conditions ?? [],
    { type: 'Ready', status: 'True', reason: 'Allocated', message: `${mac} is held in the ledger`, observedGeneration },
    now(),
  );
  const conditions = setCondition(
    ready,
    {
      type: 'Bound',
      status: 'True',
      reason: 'Bound',
      message: 'The operator has seen the object that uses this address',
      observedGeneration,
    },
    now(),
  );
  return {
    ...before,
    mac,
    allocatedAt: toTime(allocatedAt),
    ...(consumerRef !== undefined && { consumer: consumerRef }),
    ...(observedGeneration !== undefined && { observedGeneration }),
    ledger: { generation, clusterId },
    conditions: [...conditions],
  };
}
