import type { TokenSubject } from '../../api/admission-token.ts';
import type { AdmissionRequest } from './admission-review.ts';

/** Returns the pod that a token of this review is of. */
export function tokenSubjectOf(
  { request, namespace }: { readonly request: AdmissionRequest; readonly namespace: string },
  clusterId: string,
): TokenSubject {
  const { metadata } = request.object ?? {};
  return {
    clusterId,
    namespace,
    name: request.name ?? metadata?.name ?? '',
    generateName: metadata?.generateName ?? '',
  };
}
