import { redactUrls } from './connection/redact.ts';

/**
 * Every error of the ledger, with the next step for its reader. `retryable` means that the same request with the same
 * key may succeed later. After such an error the change may or may not have happened. Only a retry with the same key
 * tells; a read does not (docs/ledger.md).
 */
const CODES = {
  LEDGER_UNAVAILABLE: { retryable: true, next: 'Check that Postgres runs and can be reached, then try again.' },
  LEDGER_TIMEOUT: {
    retryable: true,
    next: 'Ask again with the same key; if it stays, look for load or locks on the ledger.',
  },
  LEDGER_BUSY: { retryable: true, next: 'Ask again with the same key.' },
  LEDGER_READ_ONLY: {
    retryable: true,
    next: 'Point the ledger URL at the primary, or wait until a standby was promoted.',
  },
  LEDGER_TOO_MANY_CONNECTIONS: {
    retryable: true,
    next: 'Raise max_connections, or put pgbouncer in front of the ledger.',
  },
  LEDGER_DISK_FULL: { retryable: true, next: 'Give the disk of the ledger more room.' },
  LEDGER_NOT_DURABLE: { retryable: true, next: 'Check the synchronous standbys of the ledger.' },
  LEDGER_OVERLOADED: { retryable: true, next: 'Try again later; more wait for this pool than one process takes on.' },
  LEDGER_CLOSED: { retryable: true, next: 'The process is shutting down: ask another replica.' },
  LEDGER_AUTH_FAILED: { retryable: false, next: 'Check user, password and pg_hba.conf of the ledger.' },
  LEDGER_TLS_FAILED: {
    retryable: false,
    next: 'Check the certificate of the ledger and the CA that it is checked with.',
  },
  LEDGER_NOT_ALLOWED: {
    retryable: false,
    next: 'Grant the role of this program its rights, or run the migration with its owner.',
  },
  LEDGER_DATABASE_MISSING: { retryable: false, next: 'Create the database, then run `rock-mac migrate`.' },
  LEDGER_SCHEMA_MISSING: { retryable: false, next: 'Run `rock-mac migrate` against this ledger.' },
  LEDGER_SCHEMA_TOO_OLD: { retryable: false, next: 'Run `rock-mac migrate` of this version against this ledger.' },
  LEDGER_SCHEMA_TOO_NEW: { retryable: false, next: 'Upgrade this program to the version that migrated the ledger.' },
  LEDGER_MIGRATION_FAILED: {
    retryable: false,
    next: 'Nothing of that migration was applied: remove the cause and migrate again.',
  },
  LEDGER_NOT_EMPTY: {
    retryable: false,
    next: 'Make an empty database, run `rock-mac migrate` on it, and name that as the ledger.',
  },
  IMPORT_REFUSED: {
    retryable: false,
    next: 'Name the SQLite file of the predecessor, usually ~/.rock/mac-dispenser.db.',
  },
  BACKUP_NOT_WRITTEN: {
    retryable: false,
    next: 'Name a file in a folder that you may write to, on a disk with room for it.',
  },
  BACKUP_REFUSED: { retryable: false, next: 'Name another backup.' },
  LEDGER_FAILED: { retryable: false, next: 'Look into the log of Postgres; if the cause is not there, report it.' },
  BAD_REQUEST: { retryable: false, next: 'Correct the value and ask again.' },
} as const satisfies Record<string, { retryable: boolean; next: string }>;

export type LedgerErrorCode = keyof typeof CODES;

/** An error whose message has cause, effect and next step, and never a password. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerErrorCode;
  readonly retryable: boolean;

  constructor(code: LedgerErrorCode, what: string, options: { readonly cause?: unknown; readonly next?: string } = {}) {
    super(redactUrls(`${what}. ${options.next ?? CODES[code].next}`), { cause: options.cause });
    this.code = code;
    this.retryable = CODES[code].retryable;
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
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
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
