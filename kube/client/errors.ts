import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';

/** One line of the `details.causes` of a Status. */
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

/** The API server answered, and the answer is no. The message is the server's and never holds headers or tokens. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** The HTTP status code. */
  readonly status: number;
  /** The `reason` of the Status, such as `NotFound` or `AlreadyExists`; empty where the answer was no Status. */
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(answer: {
    status: number;
    reason?: string | undefined;
    message: string;
    details?: StatusDetails | undefined;
    retryAfterSeconds?: number | undefined;
  }) {
    super(answer.message);
    this.status = answer.status;
    this.reason = answer.reason ?? '';
    this.details = answer.details;
    this.retryAfterSeconds = answer.retryAfterSeconds;
  }
}

/**
 * No answer, or not the whole of one.
 *
 * `sent: false` means that the server cannot have seen the request, so that even a create may be tried again;
 * with `sent: true` nobody knows whether it was carried out.
 */
export class KubeConnectionError extends Error {
  override readonly name = 'KubeConnectionError';
  /** Node's or undici's code, such as `ECONNREFUSED`; `TIMEOUT` for our own deadline. */
  readonly code: string;
  readonly sent: boolean;

  constructor(message: string, options: { code: string; sent: boolean }) {
    super(message);
    this.code = options.code;
    this.sent = options.sent;
  }
}

/** The server's answer is not what the resource's schema says. Trying again does not help; it is never transient. */
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

/** What an answer that is no Status (a proxy's page, plain text) may add to a message. */
const longestForeignText = 200;

/**
 * The error for an HTTP answer of 400 and above. An answer that is no Status, such as a proxy's page, is quoted in part.
 *
 * @param retryAfterHeader the `Retry-After` of the answer
 */
export function kubeErrorFromResponse(status: number, body: string, retryAfterHeader?: string): KubeError {
  const seconds = retryAfter(retryAfterHeader);
  const fromStatus = kubeErrorFromStatus(parseJson(body), { status, retryAfterSeconds: seconds });
  if (fromStatus !== undefined) return fromStatus;
  const text = body.trim().slice(0, longestForeignText);
  const message = `the API server answered ${status}` + (text === '' ? '' : `: ${text}`);
  return new KubeError({ status, message, retryAfterSeconds: seconds });
}

/**
 * The error that a `Status` object tells, as in an ERROR event of a watch; `undefined` for anything else.
 *
 * @param answer what the HTTP answer around it said; it goes before the code and the delay in the Status
 */
export function kubeErrorFromStatus(
  object: unknown,
  answer?: { status: number; retryAfterSeconds: number | undefined },
): KubeError | undefined {
  const parsed = statusBody.safeParse(object);
  if (!parsed.success) return undefined;
  const { message, reason, code, details } = parsed.data;
  const status = answer?.status ?? code ?? 500;
  return new KubeError({
    status,
    reason,
    message: message ?? `the API server answered ${status} ${reason ?? ''}`.trimEnd(),
    details,
    retryAfterSeconds: answer?.retryAfterSeconds ?? details?.retryAfterSeconds,
  });
}

/** The API server sends whole seconds; the date form of RFC 9110 is not used by it and counts as absent. */
function retryAfter(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}

function hasStatus(error: unknown, status: number): error is KubeError {
  return error instanceof KubeError && error.status === status;
}

export function isNotFound(error: unknown): error is KubeError {
  return hasStatus(error, 404);
}

/** The object changed under us (a stale resourceVersion, another uid), or a field belongs to another manager. */
export function isConflict(error: unknown): error is KubeError {
  return hasStatus(error, 409) && error.reason !== 'AlreadyExists';
}

export function isAlreadyExists(error: unknown): error is KubeError {
  return hasStatus(error, 409) && error.reason === 'AlreadyExists';
}

/** The resourceVersion or the continue token is too old: list again. */
export function isGone(error: unknown): error is KubeError {
  return hasStatus(error, 410);
}

export function isForbidden(error: unknown): error is KubeError {
  return hasStatus(error, 403);
}

export function isInvalid(error: unknown): error is KubeError {
  return hasStatus(error, 422);
}

export function isUnauthorized(error: unknown): error is KubeError {
  return hasStatus(error, 401);
}

export function isTooManyRequests(error: unknown): error is KubeError {
  return hasStatus(error, 429);
}

/** Answers that say nothing about the request itself: the same one may succeed in a while. */
const transientStatus: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** Whether the same request may succeed in a while, without anybody changing anything. */
export function isTransient(error: unknown): boolean {
  return error instanceof KubeConnectionError || (error instanceof KubeError && transientStatus.has(error.status));
}
