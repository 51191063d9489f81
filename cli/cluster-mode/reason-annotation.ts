import { ANNOTATIONS } from '../../api/names.ts';

/** Returns the annotation of a new object that says why it was requested. */
export function reasonAnnotation(reason: string | undefined): { readonly annotations?: Record<string, string> } {
  return reason === undefined ? {} : { annotations: { [ANNOTATIONS.reason]: reason } };
}
