import { pointer } from '../kube/json-patch.ts';
import type { PatchOperation } from './admission-review.ts';

export type Annotations = Readonly<Record<string, string>>;

/**
 * Sets each annotation that has a value and removes each that has none; what already is so costs no operation. An object
 * without any annotations gets the whole map, since a patch cannot add to what is not there (RFC 6902, section 4.1).
 */
export function annotationPatch(
  present: Annotations | undefined,
  wanted: Readonly<Record<string, string | undefined>>,
): readonly PatchOperation[] {
  const changed = Object.entries(wanted).filter(([key, value]) => value !== present?.[key]);
  if (changed.length === 0) return [];
  if (present === undefined) return [{ op: 'add', path: '/metadata/annotations', value: Object.fromEntries(changed) }];
  return changed.map(([key, value]): PatchOperation => {
    const path = pointer('metadata', 'annotations', key);
    // `add` on a member that exists replaces it.
    return value === undefined ? { op: 'remove', path } : { op: 'add', path, value };
  });
}
