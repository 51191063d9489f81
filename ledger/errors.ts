import { LEDGER_ERRORS, type LedgerErrorCode } from './error-codes.ts';

export type { LedgerErrorCode } from './error-codes.ts';

/** An error whose message has cause, effect and next step, and never a password. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerErrorCode;
  readonly retryable: boolean;

  constructor(code: LedgerErrorCode, what: string, options: { readonly cause?: unknown; readonly next?: string } = {}) {
    super(redactUrls(`${what}. ${options.next ?? LEDGER_ERRORS[code].next}`), { cause: options.cause });
    this.code = code;
    this.retryable = LEDGER_ERRORS[code].retryable;
  }
}

export function isLedgerError(error: unknown): error is LedgerError {
  return error instanceof LedgerError;
}

/** Maps a SQLSTATE, or else its class of two characters, to a code (PostgreSQL manual, appendix A). */
const BY_SQLSTATE: Readonly<Record<string, LedgerErrorCode>> = {
  '08': 'LEDGER_UNAVAILABLE',
  '22': 'BAD_REQUEST',
  '23': 'BAD_REQUEST',
  '54': 'BAD_REQUEST', // program limit: a value is too complex or too long
  '57': 'LEDGER_UNAVAILABLE',
  '58': 'LEDGER_UNAVAILABLE',
  '23505': 'LEDGER_BUSY', // another transaction took this key at the same moment; a retry finds its result
  '25006': 'LEDGER_READ_ONLY',
  '25P03': 'LEDGER_TIMEOUT',
  '25P04': 'LEDGER_TIMEOUT',
  '28000': 'LEDGER_AUTH_FAILED',
  '28P01': 'LEDGER_AUTH_FAILED',
  '3D000': 'LEDGER_DATABASE_MISSING',
  '3F000': 'LEDGER_SCHEMA_MISSING',
  '40001': 'LEDGER_BUSY',
  '40P01': 'LEDGER_BUSY',
  '42501': 'LEDGER_NOT_ALLOWED',
  '42883': 'LEDGER_SCHEMA_MISSING',
  '42P01': 'LEDGER_SCHEMA_MISSING',
  '53100': 'LEDGER_DISK_FULL',
  '53200': 'LEDGER_UNAVAILABLE',
  '53300': 'LEDGER_TOO_MANY_CONNECTIONS',
  '53400': 'LEDGER_DISK_FULL',
  '55000': 'LEDGER_READ_ONLY', // "recovery is in progress": the server is a standby
  '55P03': 'LEDGER_BUSY',
  '57014': 'LEDGER_TIMEOUT',
};

/** Error codes of Node.js for TLS problems, which a retry does not fix. */
const TLS_CODE = /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/;

/** Returns the message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns the five-character SQLSTATE of an error from Postgres. */
export function sqlState(error: unknown): string | undefined {
  const code = codeOf(error);
  // Codes of the operating system, such as EPIPE, also have five letters. No class of Postgres begins with E.
  return code !== undefined && /^[0-9A-DF-Z][0-9A-Z]{4}$/.test(code) ? code : undefined;
}

/**
 * Wraps any error of a driver, a socket or a server. `doing` names the failed operation: "allocate from kubernetes".
 */
export function toLedgerError(error: unknown, doing: string): LedgerError {
  if (isLedgerError(error)) return error;
  const cause = messageOf(error);
  return new LedgerError(classify(error, cause), `The ledger could not ${doing}: ${cause}`, { cause: error });
}

function classify(error: unknown, message: string): LedgerErrorCode {
  const state = sqlState(error);
  if (state !== undefined) return BY_SQLSTATE[state] ?? BY_SQLSTATE[state.slice(0, 2)] ?? 'LEDGER_FAILED';
  const code = codeOf(error);
  if (TLS_CODE.test(code ?? '') || message.includes('does not support SSL')) return 'LEDGER_TLS_FAILED';
  if (message.includes('SASL') || message.includes('password')) return 'LEDGER_AUTH_FAILED';
  if (code !== undefined || /connect|terminat|closed|ended/i.test(message)) return 'LEDGER_UNAVAILABLE';
  return 'LEDGER_FAILED';
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Removes passwords from connection URLs anywhere in a text, so messages and logs can name the server:
 * `postgresql://app:secret@db:5432/rock` becomes `postgresql://app:***@db:5432/rock`. A password may contain `@`; it
 * ends at the last one before a space or a quote.
 */
export function redactUrls(text: string): string {
  return text
    .replaceAll(/(\bpostgres(?:ql)?:\/\/[^\s:/?#"']*):[^\s"']*@/gi, '$1:***@')
    .replaceAll(/([?&]password=)[^\s&"']*/gi, '$1***');
}
