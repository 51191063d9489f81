import type { StickyFor, StickyRetention } from './mac-allocation.ts';
import { ANNOTATIONS } from './names.ts';
import { isOptIn, isOptOut } from './opt-in.ts';

/** The metadata of a pod or VM that decides whether its addresses are sticky. */
export interface StickyMetadata {
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly ownerReferences?: readonly ControllerReference[] | undefined;
}

interface ControllerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly controller?: boolean | null | undefined;
}

/** Every StatefulSet writes it, and so do the sets of other groups that name their pods by ordinal. */
export const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';

/**
 * Returns whether the addresses of a workload belong to its name. Its own annotation decides. That of the namespace speaks for pods
 * of StatefulSets only: the names of bare pods are often used once, and each would hold an address.
 */
export function isSticky(
  metadata: StickyMetadata,
  namespaceAnnotations: Readonly<Record<string, string>> | undefined,
): boolean {
  const own = metadata.annotations?.[ANNOTATIONS.sticky];
  if (isOptIn(own)) return true;
  if (isOptOut(own)) return false;
  return isOptIn(namespaceAnnotations?.[ANNOTATIONS.sticky]) && isOfStatefulSet(metadata);
}

/** Returns whether a pod is of a StatefulSet, or of a set of another group that numbers its pods in the same way. */
export function isOfStatefulSet(metadata: StickyMetadata): boolean {
  const controller = stickyControllerOf(metadata);
  if (controller === undefined) return false;
  return (
    (controller.kind === 'StatefulSet' && controller.apiVersion.startsWith('apps/')) ||
    metadata.labels?.[POD_INDEX_LABEL] !== undefined
  );
}

/** Returns the controller of a workload as its sticky claims name it. It is known by its name: it may be created again. */
export function stickyControllerOf({ ownerReferences = [] }: StickyMetadata): StickyFor['controller'] {
  const found = ownerReferences.find(({ controller }) => controller === true);
  return found && { apiVersion: found.apiVersion, kind: found.kind, name: found.name };
}

const ORDINAL = /^(0|[1-9]\d{0,9})$/;

/** Returns the number of a workload among the replicas of its controller: that of the label, or the end of its name. */
export function ordinalOf({
  name,
  labels,
}: Pick<StickyMetadata, 'labels'> & { readonly name: string }): number | undefined {
  const text = labels?.[POD_INDEX_LABEL] ?? name.slice(name.lastIndexOf('-') + 1);
  return name.includes('-') && ORDINAL.test(text) ? Number(text) : undefined;
}

/** What happens to a sticky address without a workload, where nobody says anything. */
export const DEFAULT_RETENTION: StickyRetention = { whenScaled: 'Retain', whenDeleted: 'Release' };

/** Returns what the annotation of a workload says, with the defaults for what it leaves out. `undefined` without one, or if it is wrong. */
export function retentionOf(annotations: StickyMetadata['annotations']): StickyRetention | undefined {
  const text = annotations?.[ANNOTATIONS.stickyRetention];
  const parsed = text === undefined ? undefined : parseRetention(text);
  return parsed?.ok === true ? parsed.retention : undefined;
}

/** Returns what is wrong with the annotations of a workload about sticky addresses, as sentences for its author. */
export function stickyProblems(annotations: StickyMetadata['annotations'] = {}): readonly string[] {
  const { [ANNOTATIONS.sticky]: sticky, [ANNOTATIONS.stickyRetention]: retention } = annotations;
  const problems: string[] = [];
  if (sticky !== undefined && !isOptIn(sticky) && !isOptOut(sticky)) {
    problems.push(`${ANNOTATIONS.sticky} is ${JSON.stringify(sticky)}, and must be "true" or "false".`);
  }
  const parsed = retention === undefined ? undefined : parseRetention(retention);
  if (parsed?.ok === false) problems.push(`${ANNOTATIONS.stickyRetention} ${parsed.problem}`);
  return problems;
}

type ParsedRetention =
  { readonly ok: true; readonly retention: StickyRetention } | { readonly ok: false; readonly problem: string };

const SYNTAX = 'Write it as "whenScaled=Retain,whenDeleted=Release", each with Retain or Release.';

function parseRetention(text: string): ParsedRetention {
  const found = new Map<string, StickyRetention['whenScaled']>();
  for (const part of text.split(',').map((each) => each.trim())) {
    const [, key = '', value] = /^(whenScaled|whenDeleted)\s*=\s*(Retain|Release)$/.exec(part) ?? [];
    if (value !== 'Retain' && value !== 'Release') {
      return { ok: false, problem: `has ${JSON.stringify(part.slice(0, 64))}. ${SYNTAX}` };
    }
    if (found.has(key)) return { ok: false, problem: `names ${key} twice. ${SYNTAX}` };
    found.set(key, value);
  }
  const { whenScaled, whenDeleted } = DEFAULT_RETENTION;
  return {
    ok: true,
    retention: {
      whenScaled: found.get('whenScaled') ?? whenScaled,
      whenDeleted: found.get('whenDeleted') ?? whenDeleted,
    },
  };
}
