/** An answer that is no: what the API server passes on to the one who asked, as a Status. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: number;
  readonly reason: string;
  readonly details: Readonly<Record<string, string>> | undefined;

  constructor(code: number, reason: string, message: string, details?: Readonly<Record<string, string>>) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

/** The question itself is wrong; the message says how to ask. */
export function badRequest(message: string): Problem {
  return new Problem(400, 'BadRequest', message);
}

export function statusOf({ code, reason, message, details }: Problem): Record<string, unknown> {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details !== undefined && { details }),
    code,
  };
}
