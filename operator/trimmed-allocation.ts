import { isDeepStrictEqual } from 'node:util';
import type { MacAllocationStatus } from '../api/mac-allocation.ts';
import { RELEASE_FINALIZER } from '../api/names.ts';
import { macAllocations, type MacAllocation } from '../kube/client/mac-resources.ts';
import type { Resource } from '../kube/client/resource.ts';
import { createSharedTexts, type ShareText } from '../kube/controller/string-interning.ts';
import { slimMeta } from './workload/workload.ts';

/** MacAllocations as the operator keeps them in memory. */
export function keptAllocations(): Resource<MacAllocation> {
  const share = createSharedTexts();
  return { ...macAllocations, schema: macAllocations.schema.transform((read) => keptAllocation(read, share)) };
}

const OURS = [RELEASE_FINALIZER];

/**
 * There is a mirror for every address that an object carries, tens of thousands of them, so that only what is looked at
 * later is kept of each, and once what it says twice or all of them say. A claim is kept whole.
 */
export function keptAllocation(allocation: MacAllocation, share: ShareText): MacAllocation {
  const { metadata, spec, status } = allocation;
  if (spec.consumerRef === undefined) return allocation;
  const { generation, finalizers } = metadata;
  const { apiVersion, kind, nic, ...named } = spec.consumerRef;
  const consumerRef = { apiVersion: share(apiVersion), kind: share(kind), nic: share(nic), ...named };
  return {
    metadata: {
      ...slimMeta(metadata),
      ...(metadata.namespace !== undefined && { namespace: share(metadata.namespace) }),
      ...(generation !== undefined && { generation }),
      ...(finalizers !== undefined && { finalizers: oneOf(OURS, finalizers) }),
    },
    spec: { pool: share(spec.pool), requestedMac: spec.requestedMac, consumerRef },
    ...(status !== undefined && { status: keptStatus(status, { ...spec, consumerRef }, share) }),
  };
}

function keptStatus(
  status: MacAllocationStatus,
  { requestedMac, consumerRef }: MacAllocation['spec'],
  share: ShareText,
): MacAllocationStatus {
  const { mac, consumer, ledger, conditions } = status;
  return {
    ...status,
    ...(mac !== undefined && { mac: mac === requestedMac ? requestedMac : mac }),
    ...(consumer !== undefined && { consumer: oneOf(consumerRef, consumer) }),
    ...(ledger !== undefined && { ledger: { ...ledger, clusterId: share(ledger.clusterId) } }),
    ...(conditions !== undefined && {
      conditions: conditions.map((condition) => ({
        ...condition,
        message: share(condition.message),
        lastTransitionTime: share(condition.lastTransitionTime),
      })),
    }),
  };
}

/** What is in memory already in place of an equal one. */
function oneOf<T>(known: T | undefined, found: T): T {
  return known !== undefined && isDeepStrictEqual(known, found) ? known : found;
}
