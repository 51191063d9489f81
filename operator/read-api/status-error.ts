/** A request that failed. The API server passes it to the client as a Status object. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
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

/** Returns the error for a malformed request. The message says what is allowed. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

/** Returns the error for an unknown path, with the message of the API server. */
export function pathNotFound(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource');
}

export function methodNotAllowed(message: string): StatusError {
  return new StatusError(405, 'MethodNotAllowed', message);
}

/** Returns the Status object of an error. */
export function toStatus({ code, reason, message, details }: StatusError): Record<string, unknown> {
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
