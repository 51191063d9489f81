import type { ObjectMeta } from './objects.ts';

/** One operation of RFC 6902; only the kinds that we emit. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** A JSON pointer (RFC 6901) from unescaped parts: `~` is written `~0` and `/` is written `~1`. */
export function pointer(...parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

type MetaOf<K extends keyof ObjectMeta> = { readonly metadata: Partial<Pick<ObjectMeta, K>> };

export type Annotations = Readonly<Record<string, string>>;

/**
 * Sets each annotation that has a value and removes each that has none. `add` on an existing member replaces it, but its
 * parent must be there (RFC 6902, 4.1), so that an object without annotations gets the whole map.
 *
 * @param annotations those of the object; undefined where it has no map of them
 * @returns no operation for what already is so
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
 * Adds a finalizer to the object that was read; guarded by `unchanged`, so that the whole list may be written.
 *
 * @returns no operation when the object has it already
 */
export function addFinalizer(object: MetaOf<'finalizers'> & Stored, finalizer: string): JsonPatchOperation[] {
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(finalizer)) return [];
  return [unchanged(object), { op: 'add', path: '/metadata/finalizers', value: [...finalizers, finalizer] }];
}

/**
 * Removes a finalizer from the object that was read; guarded as `addFinalizer` is.
 *
 * @returns no operation when the object does not have it
 */
export function removeFinalizer(object: MetaOf<'finalizers'> & Stored, finalizer: string): JsonPatchOperation[] {
  const { finalizers = [] } = object.metadata;
  if (!finalizers.includes(finalizer)) return [];
  const others = finalizers.filter((other) => other !== finalizer);
  return [unchanged(object), { op: 'add', path: '/metadata/finalizers', value: others }];
}

type Stored = { readonly metadata: Pick<ObjectMeta, 'resourceVersion'> };

/**
 * Ties a patch to the object that was read: the server answers 409 when it has changed since, or when another one took
 * its name. To write the resourceVersion is what makes it a conflict; a `test` of it that fails is answered 422, like
 * any other broken patch (seen with Kubernetes 1.37).
 */
export function unchanged(object: Stored): JsonPatchOperation {
  return { op: 'replace', path: '/metadata/resourceVersion', value: object.metadata.resourceVersion };
}

/** Lets the whole patch fail, with 422, unless the value stands there. */
export function test(path: string, value: unknown): JsonPatchOperation {
  return { op: 'test', path, value };
}
