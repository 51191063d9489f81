import type { ObjectMeta } from './objects.ts';

/** An operation of RFC 6902; only the kinds that are used here. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Formats a JSON pointer (RFC 6901) from unescaped parts: `~` becomes `~0` and `/` becomes `~1`. */
export function pointer(...parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

type MetaOf<K extends keyof ObjectMeta> = { readonly metadata: Partial<Pick<ObjectMeta, K>> };

export type Annotations = Readonly<Record<string, string>>;

/**
 * Returns operations that set each annotation with a value and remove each without one. `add` replaces an existing member,
 * but its parent must exist (RFC 6902, 4.1), so an object without annotations gets the whole map.
 *
 * @param annotations the annotations of the object; undefined if it has none
 * @returns no operation for an annotation that is already right
 */
export function setAnnotations(
  annotations: Annotations | undefined,
  wanted: Readonly<Record<string, string | undefined>>,
): JsonPatchOperation[] {
  const changed = Object.entries(wanted).filter(([name, value]) => annotations?.[name] !== value);
  if (changed.length === 0) return [];
  if (annotations === undefined) {
    return [{ op: 'add', path: '/metadata/annotations', value: Object.fromEntries(changed) }];
  }
  return changed.map(([name, value]) => {
    const path = pointer('metadata', 'annotations', name);
    return value === undefined ? { op: 'remove', path } : { op: 'add', path, value };
  });
}

/**
 * Returns operations that add a finalizer. They write the whole list, so they are guarded by `unchanged`.
 *
 * @returns no operation if the object already has it
 */
export function addFinalizer(object: MetaOf<'finalizers'> & Stored, finalizer: string): JsonPatchOperation[] {
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(finalizer)) return [];
  return [unchanged(object), { op: 'add', path: '/metadata/finalizers', value: [...finalizers, finalizer] }];
}

/**
 * Returns operations that remove a finalizer, guarded like those of `addFinalizer`.
 *
 * @returns no operation if the object does not have it
 */
export function removeFinalizer(object: MetaOf<'finalizers'> & Stored, finalizer: string): JsonPatchOperation[] {
  const { finalizers = [] } = object.metadata;
  if (!finalizers.includes(finalizer)) return [];
  const others = finalizers.filter((other) => other !== finalizer);
  return [unchanged(object), { op: 'add', path: '/metadata/finalizers', value: others }];
}

type Stored = { readonly metadata: Pick<ObjectMeta, 'resourceVersion'> };

/**
 * Returns an operation that binds a patch to the version that was read. The server responds with 409 if the object has
 * changed since, or if another object has its name. A failed `test` of the resourceVersion would give 422 like any other
 * invalid patch (seen with Kubernetes 1.37).
 */
export function unchanged(object: Stored): JsonPatchOperation {
  return { op: 'replace', path: '/metadata/resourceVersion', value: object.metadata.resourceVersion };
}

/** Returns an operation that fails the whole patch with 422 unless the path has this value. */
export function test(path: string, value: unknown): JsonPatchOperation {
  return { op: 'test', path, value };
}
