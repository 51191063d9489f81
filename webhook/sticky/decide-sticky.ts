import { z } from 'zod';
import { ANNOTATIONS } from '../../api/names.ts';
import { isOfStatefulSet, isSticky, ordinalOf, stickyControllerOf, stickyProblems } from '../../api/sticky.ts';
import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import type { AddressRequest } from '../plan/plan.ts';
import type { AdmissionRefusal, AdmissionRequest } from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { malformed } from '../review/refusal.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';

/** An object that asks for addresses. */
export interface StickyCandidate {
  readonly kind: AdmittedObject['kind'];
  /** Empty where the API server generates it. */
  readonly name: string;
  readonly metadata: NonNullable<AdmissionRequest['object']>['metadata'];
  /** Whether it is being created. */
  readonly isNew: boolean;
  readonly requests: readonly AddressRequest[];
}

export type StickyDecision =
  | { readonly ok: true; readonly requests: readonly AddressRequest[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly refusal: AdmissionRefusal };

/**
 * How many sticky addresses without an object a namespace may have before a new name gets an address of the usual kind. Names of
 * bare objects, such as `build-123`, are often used once. Replicas may have more, because a set that is scaled to 0 keeps its
 * addresses. They have a limit too: everybody may write into a pod that a set made it.
 */
export const MAX_UNUSED = { bare: 256, replica: 4_096 } as const;

/** A value of another shape is refused by the API server. */
const stickyMetadata = z.object({
  generateName: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.string()).nullish().transform(orUndefined),
  ownerReferences: z
    .array(z.object({ apiVersion: z.string(), kind: z.string(), name: z.string(), controller: z.boolean().nullish() }))
    .nullish()
    .transform(orUndefined),
});
type StickyMetadata = z.infer<typeof stickyMetadata>;
type Named = Pick<StickyCandidate, 'kind' | 'name'>;

/**
 * Decides which requests ask for the address that belongs to the name of the object. An address that the author wrote and a claim
 * go first. A copied address proves nothing, and the ledger knows which address the name has.
 */
export function decideSticky(candidate: StickyCandidate, terms: Pick<NamespaceTerms, 'annotations'>): StickyDecision {
  const { isNew, requests } = candidate;
  const metadata = stickyMetadata.safeParse(candidate.metadata).data;
  const problems = stickyProblems(metadata?.annotations).map((problem) => `Annotation ${problem}`);
  if (problems.length > 0 && isNew) return { ok: false, refusal: malformed(problems.join('\n')) };
  const warnings = problems.map(asWarning);
  if (metadata === undefined || !isSticky(metadata, terms.annotations) || !requests.some(isOpen)) {
    return { ok: true, requests, warnings };
  }
  const obstacle = obstacleTo(candidate, metadata);
  if (obstacle === undefined) return { ok: true, requests: askByName(candidate, metadata), warnings };
  return { ok: true, requests, warnings: [...warnings, asWarning(`${NO_EFFECT} ${obstacle}`)] };
}

function askByName({ kind, name, requests }: StickyCandidate, metadata: StickyMetadata): readonly AddressRequest[] {
  const unusedLimit = MAX_UNUSED[isReplica({ kind, name }, metadata) ? 'replica' : 'bare'];
  return requests.map((request) => {
    if (!isOpen(request)) return request;
    const { nic } = request;
    return { nic, sticky: { claim: stickyClaimName({ kind, name, nic }), unusedLimit } };
  });
}

const NO_EFFECT = `Annotation ${ANNOTATIONS.sticky} has no effect here:`;

function isOpen({ requested, claim }: AddressRequest): boolean {
  return requested === undefined && claim === undefined;
}

/** Returns why an object cannot have sticky addresses, or `undefined` if it can. */
function obstacleTo({ kind, name }: Named, metadata: StickyMetadata): string | undefined {
  if (kind === 'VirtualMachineInstance') return 'an instance keeps addresses only as part of a VirtualMachine.';
  // The pods of a StatefulSet have both names. Any other pod with both was named by the API server.
  const isGenerated = name === '' || ((metadata.generateName ?? '') !== '' && !isReplica({ kind, name }, metadata));
  return isGenerated ? 'the name of this object is generated, so it never comes back.' : undefined;
}

/** Returns whether the object says that a controller made it as one of its numbered replicas. */
function isReplica({ kind, name }: Named, metadata: StickyMetadata): boolean {
  const isOfSet = kind === 'Pod' ? isOfStatefulSet(metadata) : isOfMachinePool(metadata);
  return isOfSet && ordinalOf({ name, labels: metadata.labels }) !== undefined;
}

function isOfMachinePool(metadata: StickyMetadata): boolean {
  const controller = stickyControllerOf(metadata);
  return controller?.kind === 'VirtualMachinePool' && controller.apiVersion.startsWith('pool.kubevirt.io/');
}

function asWarning(text: string): string {
  return `rock-mac: ${text}`;
}

function orUndefined<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}
