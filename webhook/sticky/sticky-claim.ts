import { z } from 'zod';
import { CONSUMER_UNREACHABLE } from '../../api/mac-allocation.ts';
import { GROUP, RELEASE_FINALIZER, VERSION } from '../../api/names.ts';
import { condition, objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import { type StickyName, stickyName } from '../claims/find-claim.ts';

const stickyClaim = z.object({
  metadata: objectMeta,
  spec: z.object({
    stickyFor: stickyName.optional(),
    mac: z.string().optional(),
    ledger: z.object({ clusterId: z.string() }).optional(),
  }),
  status: z.object({ conditions: z.array(condition).optional() }).optional(),
});

/** What is read of a MacAllocation that may be a sticky claim. */
export type StickyClaim = z.infer<typeof stickyClaim>;

export const stickyClaims: Resource<StickyClaim> = {
  group: GROUP,
  version: VERSION,
  plural: 'macallocations',
  kind: 'MacAllocation',
  namespaced: true,
  schema: stickyClaim,
};

/** The name that the address has to belong to. */
export interface StickySubject extends StickyName {
  readonly clusterId: string;
  /** When the namespace was created. */
  readonly namespaceSince: Date | undefined;
}

/**
 * Returns the address that belongs to a name according to its sticky claim, or `undefined` if that is not certain. Only the operator
 * can write `spec.stickyFor`, and it drops the finalizer when the address is released.
 */
export function addressOfClaim(claim: StickyClaim, subject: StickySubject): MacAddress | undefined {
  const { spec, status } = claim;
  const isCertain = isOf(claim, subject) && isHeld(claim.metadata) && status?.conditions?.some(isUnreachable) !== true;
  const parsed = parseMac(spec.mac ?? '');
  return isCertain && parsed.ok ? parsed.mac : undefined;
}

/** A backup may bring the claim of another cluster, or of an earlier namespace of this name. */
function isOf({ metadata, spec: { stickyFor, ledger } }: StickyClaim, subject: StickySubject): boolean {
  const { kind, name, nic, clusterId, namespaceSince } = subject;
  const isOfName = stickyFor?.kind === kind && stickyFor.name === name && stickyFor.nic === nic;
  return isOfName && ledger?.clusterId === clusterId && isOfNamespace(metadata.creationTimestamp, namespaceSince);
}

function isHeld({ deletionTimestamp, finalizers = [] }: StickyClaim['metadata']): boolean {
  return deletionTimestamp === undefined && finalizers.includes(RELEASE_FINALIZER);
}

/** Both times are of the API server, in whole seconds. */
function isOfNamespace(created: string | undefined, namespaceSince: Date | undefined): boolean {
  return created !== undefined && namespaceSince !== undefined && new Date(created) >= namespaceSince;
}

/** The node of the last pod of this name does not answer, so the pod may still run. */
function isUnreachable({ type, status }: z.infer<typeof condition>): boolean {
  return type === CONSUMER_UNREACHABLE && status === 'True';
}
