import { z } from 'zod';
import type { JsonPatchOperation } from '../../kube/client/json-patch.ts';

/**
 * The AdmissionReview of admission.k8s.io/v1 as far as it is read here
 * (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request).
 * Objects stay raw: a patch must not lose what a type of ours does not know.
 */
const rawObject = z.looseObject({
  metadata: z
    .looseObject({
      name: z.string().optional(),
      namespace: z.string().optional(),
      uid: z.string().optional(),
      annotations: z
        .record(z.string(), z.string())
        .nullish()
        .transform((annotations) => annotations ?? undefined),
    })
    .optional(),
});

const admissionRequest = z.object({
  uid: z.string().min(1),
  kind: z.object({ group: z.string(), version: z.string(), kind: z.string() }),
  name: z.string().optional(),
  namespace: z.string().optional(),
  operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
  userInfo: z.object({
    username: z.string().default(''),
    uid: z.string().optional(),
    groups: z.array(z.string()).optional(),
    extra: z.record(z.string(), z.array(z.string())).optional(),
  }),
  object: rawObject.nullish(),
  oldObject: rawObject.nullish(),
  dryRun: z.boolean().optional(),
});

const admissionReview = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: admissionRequest,
});

export type AdmissionRequest = z.infer<typeof admissionRequest>;
export type AdmissionUser = AdmissionRequest['userInfo'];

/** Why an object is refused, in the words of the Kubernetes API (metav1.Status). */
export interface Refusal {
  readonly code: 403 | 409 | 422 | 503;
  readonly reason: 'Forbidden' | 'Conflict' | 'Invalid' | 'ServiceUnavailable';
  /** At most two lines: the cause, and what to do. */
  readonly message: string;
  /** What went wrong behind it; for the log alone. */
  readonly cause?: Error;
}

export type AdmissionResponse =
  | { readonly allowed: true; readonly patch?: readonly JsonPatchOperation[]; readonly warnings?: readonly string[] }
  | { readonly allowed: false; readonly refusal: Refusal };

export type ParsedReview =
  { readonly ok: true; readonly request: AdmissionRequest } | { readonly ok: false; readonly problem: string };

export function parseReview(body: unknown): ParsedReview {
  const parsed = admissionReview.safeParse(body);
  if (parsed.success) return { ok: true, request: parsed.data.request };
  return { ok: false, problem: `not an AdmissionReview of admission.k8s.io/v1: ${z.prettifyError(parsed.error)}` };
}

/** The AdmissionReview that goes back. Its uid must be the request's, or the API server refuses it. */
export function formatReview(uid: string, answer: AdmissionResponse): Record<string, unknown> {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: answer.allowed
      ? {
          uid,
          allowed: true,
          ...(answer.patch !== undefined &&
            answer.patch.length > 0 && {
              patchType: 'JSONPatch',
              patch: Buffer.from(JSON.stringify(answer.patch)).toString('base64'),
            }),
          ...(answer.warnings !== undefined && answer.warnings.length > 0 && { warnings: answer.warnings }),
        }
      : {
          uid,
          allowed: false,
          status: { code: answer.refusal.code, reason: answer.refusal.reason, message: answer.refusal.message },
        },
  };
}
