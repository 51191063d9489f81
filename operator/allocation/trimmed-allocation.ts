import { isDeepStrictEqual } from 'node:util';
import type { MacAllocationStatus } from '../../api/mac-allocation.ts';
import { ANNOTATIONS, RELEASE_FINALIZER } from '../../api/names.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { createStringInterner, type InternString } from '../../kube/controller/string-interning.ts';
import { trimMetadata } from '../workload/workload.ts';

/** Returns the MacAllocation resource whose objects are trimmed before they are cached. */
export function trimmedAllocations(): Resource<MacAllocation> {
  const intern = createStringInterner();
  return { ...macAllocations, schema: macAllocations.schema.transform((read) => trimAllocation(read, intern)) };
}

/** The finalizers of nearly every mirror, shared by all of them. */
const USUAL_FINALIZERS = [RELEASE_FINALIZER];

/**
 * Reduces a MacAllocation to what the operator reads later. There are tens of thousands of mirrors, one for each address in
 * use, so equal texts are kept once. Anybody with `edit` in a namespace writes claims and chooses what they hold.
 */
export function trimAllocation(allocation: MacAllocation, intern: InternString): MacAllocation {
  const { metadata, spec, status } = allocation;
  if (spec.consumerRef === undefined) return trimClaim(allocation);
  const { generation, finalizers } = metadata;
  const { apiVersion, kind, nic, ...named } = spec.consumerRef;
  const consumerRef = { apiVersion: intern(apiVersion), kind: intern(kind), nic: intern(nic), ...named };
  return {
    metadata: {
      ...trimMetadata(metadata),
      ...(metadata.namespace !== undefined && { namespace: intern(metadata.namespace) }),
      ...(generation !== undefined && { generation }),
      ...(finalizers !== undefined && { finalizers: shareEqual(USUAL_FINALIZERS, finalizers) }),
    },
    spec: { pool: intern(spec.pool), requestedMac: spec.requestedMac, consumerRef },
    ...(status !== undefined && { status: trimStatus(status, { ...spec, consumerRef }, intern) }),
  };
}

function trimClaim({ metadata, ...claim }: MacAllocation): MacAllocation {
  const { generation, finalizers, annotations } = metadata;
  const force = annotations?.[ANNOTATIONS.forceRelease];
  return {
    ...claim,
    metadata: {
      ...trimMetadata(metadata),
      ...(generation !== undefined && { generation }),
      ...(finalizers !== undefined && { finalizers }),
      ...(force !== undefined && { annotations: { [ANNOTATIONS.forceRelease]: force } }),
    },
  };
}

function trimStatus(
  status: MacAllocationStatus,
  { requestedMac, consumerRef }: MacAllocation['spec'],
  intern: InternString,
): MacAllocationStatus {
  const { mac, consumer, ledger, conditions } = status;
  return {
    ...status,
    ...(mac !== undefined && { mac: mac === requestedMac ? requestedMac : mac }),
    ...(consumer !== undefined && { consumer: shareEqual(consumerRef, consumer) }),
    ...(ledger !== undefined && { ledger: { ...ledger, clusterId: intern(ledger.clusterId) } }),
    ...(conditions !== undefined && {
      conditions: conditions.map((condition) => ({
        ...condition,
        message: intern(condition.message),
        lastTransitionTime: intern(condition.lastTransitionTime),
      })),
    }),
  };
}

/** Returns `known` in place of an equal value, so that the copy can be collected. */
function shareEqual<T>(known: T | undefined, found: T): T {
  return known !== undefined && isDeepStrictEqual(known, found) ? known : found;
}
