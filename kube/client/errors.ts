import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';

/** One entry of `details.causes` in a Status. */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export interface StatusDetails {
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly causes: readonly StatusCause[];
}

/** The API server refused the request. The message is the server's and never contains headers or tokens. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** The HTTP status code. */
  readonly status: number;
  /** The `reason` of the Status, such as `NotFound` or `AlreadyExists`; empty if the response was not a Status. */
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(response: {
    status: number;
    reason?: string | undefined;
    message: string;
    details?: StatusDetails | undefined;
    retryAfterSeconds?: number | undefined;
  }) {
    super(response.message);
    this.status = response.status;
    this.reason = response.reason ?? '';
    this.details = response.details;
    this.retryAfterSeconds = response.retryAfterSeconds;
  }
}

/**
 * There was no complete response.
 *
 * With `sent: false` the server cannot have seen the request, so even a create may be retried.
 * With `sent: true` it is unknown whether the request was executed.
 */
export class KubeConnectionError extends Error {
  override readonly name = 'KubeConnectionError';
  /** The code of Node or undici, such as `ECONNREFUSED`; `TIMEOUT` for the client's own deadline. */
  readonly code: string;
  readonly sent: boolean;

  constructor(message: string, options: { code: string; sent: boolean }) {
    super(message);
    this.code = options.code;
    this.sent = options.sent;
  }
}

/** The response does not match the schema of the resource. It is never transient: a retry does not help. */
export class KubeDecodeError extends Error {
  override readonly name = 'KubeDecodeError';
}

const statusBody = z.object({
  kind: z.literal('Status'),
  message: z.string().optional(),
  reason: z.string().optional(),
  code: z.number().optional(),
  details: z
    .object({
      group: z.string().optional(),
      kind: z.string().optional(),
      name: z.string().optional(),
      retryAfterSeconds: z.number().optional(),
      causes: z
        .array(
          z.object({ reason: z.string().default(''), message: z.string().default(''), field: z.string().default('') }),
        )
        .nullish()
        .transform((causes) => causes ?? []),
    })
    .optional(),
});

/** The maximum length of a quoted response that is not a Status, such as the page of a proxy. */
const MAX_FOREIGN_TEXT = 200;

/**
 * Returns the error for an HTTP response of 400 and above. A response that is not a Status is quoted in part.
 *
 * @param retryAfterHeader the `Retry-After` header of the response
 */
export function kubeErrorFromResponse(status: number, body: string, retryAfterHeader?: string): KubeError {
  const seconds = retryAfter(retryAfterHeader);
  const fromStatus = kubeErrorFromStatus(parseJson(body), { status, retryAfterSeconds: seconds });
  if (fromStatus !== undefined) return fromStatus;
  const text = body.trim().slice(0, MAX_FOREIGN_TEXT);
  const message = `the API server responded with ${status}` + (text === '' ? '' : `: ${text}`);
  return new KubeError({ status, message, retryAfterSeconds: seconds });
}

/**
 * Returns the error that a `Status` object describes, as in an ERROR event of a watch; undefined for anything else.
 *
 * @param response the status and delay of the HTTP response, which take precedence over those in the Status
 */
export function kubeErrorFromStatus(
  object: unknown,
  response?: { status: number; retryAfterSeconds: number | undefined },
): KubeError | undefined {
  const parsed = statusBody.safeParse(object);
  if (!parsed.success) return undefined;
  const { message, reason, code, details } = parsed.data;
  const status = response?.status ?? code ?? 500;
  return new KubeError({
    status,
    reason,
    message: message ?? `the API server responded with ${status} ${reason ?? ''}`.trimEnd(),
    details,
    retryAfterSeconds: response?.retryAfterSeconds ?? details?.retryAfterSeconds,
  });
}

/** Parses whole seconds. The API server does not use the date form of RFC 9110, which is ignored. */
function retryAfter(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}

function hasStatus(error: unknown, status: number): error is KubeError {
  return error instanceof KubeError && error.status === status;
}

export function isNotFound(error: unknown): error is KubeError {
  return hasStatus(error, 404);
}

/** Returns whether the object changed (stale resourceVersion, other uid), or a field belongs to another manager. */
export function isConflict(error: unknown): error is KubeError {
  return hasStatus(error, 409) && error.reason !== 'AlreadyExists';
}

export function isAlreadyExists(error: unknown): error is KubeError {
  return hasStatus(error, 409) && error.reason === 'AlreadyExists';
}

/** Returns whether the resourceVersion or the continue token is too old, so the caller must list again. */
export function isGone(error: unknown): error is KubeError {
  return hasStatus(error, 410);
}

export function isForbidden(error: unknown): error is KubeError {
  return hasStatus(error, 403);
}

export function isInvalid(error: unknown): error is KubeError {
  return hasStatus(error, 422);
}

/** Status codes that do not depend on the request itself. */
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** Returns whether the same request may succeed later without any change. */
export function isTransient(error: unknown): boolean {
  return error instanceof KubeConnectionError || (error instanceof KubeError && TRANSIENT_STATUS.has(error.status));
}
