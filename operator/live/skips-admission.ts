import { ANNOTATIONS } from '../../api/names.ts';
import { isOptOut } from '../../api/opt-in.ts';
import type { ObjectMeta } from '../../kube/client/objects.ts';

/** A kubelet makes a pod with this annotation from a file. Others can write it too. */
const MIRROR_POD_ANNOTATION = 'kubernetes.io/config.mirror';

/**
 * Returns whether the webhook is not asked about an object even in a namespace that opts its objects in, because of its
 * annotations. The match conditions of the webhook say the same in CEL.
 */
export function skipsAdmission({ annotations = {} }: Pick<ObjectMeta, 'annotations'>): boolean {
  return isOptOut(annotations[ANNOTATIONS.inject]) || (annotations[MIRROR_POD_ANNOTATION] ?? '') !== '';
}
