import { isDeepStrictEqual } from 'node:util';
import type { StickyFor } from '../../api/mac-allocation.ts';
import { ANNOTATIONS, RELEASE_FINALIZER } from '../../api/names.ts';
import { MAX_REASON_OCTETS } from '../../api/reason.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { ObjectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { createStringInterner, type InternString } from '../../kube/controller/string-interning.ts';
import { trimMetadata } from '../live/workload.ts';

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
  if (spec.stickyFor !== undefined) return trimSticky(allocation, spec.stickyFor, intern);
  if (spec.consumerRef === undefined) return trimClaim(allocation);
  const { apiVersion, kind, nic, ...named } = spec.consumerRef;
  const consumerRef = { apiVersion: intern(apiVersion), kind: intern(kind), nic: intern(nic), ...named };
  return {
    metadata: trimOperatorMetadata(metadata, intern),
    spec: { ...trimAddress(spec, intern), consumerRef },
    // Nearly no mirror has a status.
    ...(status !== undefined && { status }),
  };
}

/** A longer value has no meaning. The longest is a namespace and a name. */
const MAX_VALUE_LENGTH = 63 + 1 + 253;

/** The annotations of claims that the operator reads. */
const READ_ON_CLAIMS: ReadonlySet<string> = new Set([
  ANNOTATIONS.forceRelease,
  ANNOTATIONS.consumerEnded,
  ANNOTATIONS.transferTo,
  ANNOTATIONS.overrideReuseDelay,
]);

/** Returns the annotation with the reason of what the operator does next, if any. The others may be long, and are not read. */
function nextReason({ metadata, status }: Pick<MacAllocation, 'metadata' | 'status'>): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return ANNOTATIONS.releaseReason;
  if (status?.mac === undefined) return ANNOTATIONS.reason;
  return (status.observedGeneration ?? 0) < (metadata.generation ?? 0) ? ANNOTATIONS.renewReason : undefined;
}

/** Reduces a sticky claim. There may be as many as mirrors, and most of a set differ only in their names. */
function trimSticky(
  { metadata, spec, status }: MacAllocation,
  { apiVersion, kind, nic, controller, ...stickyFor }: StickyFor,
  intern: InternString,
): MacAllocation {
  const kept = keptAnnotations({ metadata, status });
  return {
    metadata: { ...trimOperatorMetadata(metadata, intern), ...kept },
    spec: {
      ...trimAddress(spec, intern),
      stickyFor: {
        ...stickyFor,
        ...(apiVersion !== undefined && { apiVersion: intern(apiVersion) }),
        kind: intern(kind),
        nic: intern(nic),
        ...(controller !== undefined && {
          controller: {
            apiVersion: intern(controller.apiVersion),
            kind: intern(controller.kind),
            name: intern(controller.name),
          },
        }),
      },
    },
    ...(status !== undefined && { status }),
  };
}

function trimOperatorMetadata(metadata: ObjectMeta, intern: InternString): ObjectMeta {
  const { namespace, generation, finalizers } = metadata;
  return {
    ...trimMetadata(metadata),
    ...(namespace !== undefined && { namespace: intern(namespace) }),
    ...(generation !== undefined && { generation }),
    ...(finalizers !== undefined && { finalizers: shareEqual(USUAL_FINALIZERS, finalizers) }),
  };
}

function trimAddress(
  { pool, mac, ledger }: MacAllocation['spec'],
  intern: InternString,
): Pick<MacAllocation['spec'], 'pool' | 'mac' | 'ledger'> {
  return {
    pool: intern(pool),
    mac,
    ...(ledger !== undefined && { ledger: { ...ledger, clusterId: intern(ledger.clusterId) } }),
  };
}

function trimClaim({ metadata, ...claim }: MacAllocation): MacAllocation {
  const { generation, finalizers } = metadata;
  return {
    ...claim,
    metadata: {
      ...trimMetadata(metadata),
      ...(generation !== undefined && { generation }),
      ...(finalizers !== undefined && { finalizers }),
      ...keptAnnotations({ metadata, status: claim.status }),
    },
  };
}

function keptAnnotations(allocation: Pick<MacAllocation, 'metadata' | 'status'>): Pick<ObjectMeta, 'annotations'> {
  const read = nextReason(allocation);
  const kept = Object.entries(allocation.metadata.annotations ?? {}).filter(([name, value]) =>
    name === read ? value.length <= MAX_REASON_OCTETS : READ_ON_CLAIMS.has(name) && value.length <= MAX_VALUE_LENGTH,
  );
  return kept.length > 0 ? { annotations: Object.fromEntries(kept) } : {};
}

/** Returns `known` in place of an equal value, so that the copy can be collected. */
function shareEqual<T>(known: T, found: T): T {
  return isDeepStrictEqual(known, found) ? known : found;
}
