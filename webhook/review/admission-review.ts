import { z } from 'zod';
import type { JsonPatchOperation } from '../../kube/client/json-patch.ts';

/**
 * The fields of an AdmissionReview (admission.k8s.io/v1) that are read here. Objects stay raw, because a patch must not
 * lose fields that this program does not know.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
 */
const rawObject = z.looseObject({
  metadata: z
    .looseObject({
      name: z.string().optional(),
      generateName: z.string().optional(),
      namespace: z.string().optional(),
      uid: z.string().optional(),
      managedFields: z.array(z.looseObject({ fieldsV1: z.unknown() })).optional(),
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

/** Why an object is refused, as in metav1.Status of the Kubernetes API. */
export interface AdmissionRefusal {
  readonly code: 403 | 409 | 422 | 503;
  readonly reason: 'Forbidden' | 'Conflict' | 'Invalid' | 'ServiceUnavailable';
  /** At most two lines: the cause and the next step. */
  readonly message: string;
  /** The error behind it, for the log only. */
  readonly cause?: Error;
}

export type AdmissionResponse =
  | { readonly allowed: true; readonly patch?: readonly JsonPatchOperation[]; readonly warnings?: readonly string[] }
  | { readonly allowed: false; readonly refusal: AdmissionRefusal };

export type ParsedReview =
  { readonly ok: true; readonly request: AdmissionRequest } | { readonly ok: false; readonly problem: string };

export function parseReview(body: unknown): ParsedReview {
  const parsed = admissionReview.safeParse(body);
  if (parsed.success) return { ok: true, request: parsed.data.request };
  return { ok: false, problem: `not an AdmissionReview of admission.k8s.io/v1: ${z.prettifyError(parsed.error)}` };
}

/** Returns the AdmissionReview to send. The API server rejects one whose uid is not that of the request. */
export function formatReview(uid: string, response: AdmissionResponse): Record<string, unknown> {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: response.allowed
      ? {
          uid,
          allowed: true,
          ...(response.patch !== undefined &&
            response.patch.length > 0 && {
              patchType: 'JSONPatch',
              patch: Buffer.from(JSON.stringify(response.patch)).toString('base64'),
            }),
          ...(response.warnings !== undefined && response.warnings.length > 0 && { warnings: response.warnings }),
        }
      : {
          uid,
          allowed: false,
          status: { code: response.refusal.code, reason: response.refusal.reason, message: response.refusal.message },
        },
  };
}
