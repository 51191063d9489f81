import type { ReadyReason } from '../api/mac-allocation.ts';

/** HTTP status codes of refused admissions. */
export type AdmissionStatus = 403 | 409 | 422 | 503;

/** How a command ends when it failed. `cli/errors.ts` maps each name to a number. */
export type FailureExit = 'error' | 'conflict' | 'exhausted' | 'forbidden' | 'unavailable';

/** What one kind of failure means, and how each interface reports it. */
export interface ErrorEntry {
  /** What happened. The message of each error adds the details. */
  readonly cause: string;
  /** What the reader does next. */
  readonly next: string;
  /** Whether the same request, with the same key, may succeed later. */
  readonly retryable: boolean;
  /** Reason of the Ready condition of a MacAllocation. */
  readonly readyReason: ReadyReason;
  /** Status of a refused admission. */
  readonly admissionStatus: AdmissionStatus;
  readonly exit: FailureExit;
}

/** The ledger cannot serve now; the request itself may be right. */
const UNAVAILABLE = { readyReason: 'LedgerUnavailable', admissionStatus: 503, exit: 'unavailable' } as const;
/** The ledger or its installation has to be changed first. */
const NEEDS_REPAIR = { ...UNAVAILABLE, exit: 'error' } as const;
const FORBIDDEN = { ...UNAVAILABLE, exit: 'forbidden' } as const;

/**
 * Every way in which the ledger can fail. After a retryable error the change may or may not have happened. A retry with
 * the same key returns the result; a read does not prove anything (docs/ledger.md).
 */
export const LEDGER_ERRORS = {
  LEDGER_UNAVAILABLE: {
    ...UNAVAILABLE,
    retryable: true,
    cause: 'Postgres cannot be reached, or it closed the connection.',
    next: 'Check that Postgres runs and can be reached, then try again.',
  },
  LEDGER_TIMEOUT: {
    ...UNAVAILABLE,
    retryable: true,
    cause: 'Postgres did not respond in time.',
    next: 'Try again with the same key. If it keeps failing, check the ledger for load and locks.',
  },
  LEDGER_BUSY: {
    ...UNAVAILABLE,
    retryable: true,
    cause: 'Another transaction changed or locked the same rows.',
    next: 'Try again with the same key.',
  },
  LEDGER_READ_ONLY: {
    ...UNAVAILABLE,
    retryable: true,
    cause: 'The ledger URL leads to a standby or to a read-only database.',
    next: 'Point the ledger URL at the primary, or wait until a standby is promoted.',
  },
  LEDGER_TOO_MANY_CONNECTIONS: {
    ...UNAVAILABLE,
    retryable: true,
    cause: 'Postgres accepts no more connections.',
    next: 'Raise max_connections, or put pgbouncer in front of the ledger.',
  },
  LEDGER_DISK_FULL: {
    ...UNAVAILABLE,
    retryable: true,
    cause: 'The disk of the ledger is full, or a limit of Postgres is reached.',
    next: 'Give the ledger more disk space.',
  },
  LEDGER_NOT_DURABLE: {
    ...UNAVAILABLE,
    retryable: true,
    cause: 'No synchronous standby confirmed the change.',
    next: 'Check the synchronous standbys of the ledger.',
  },
  LEDGER_OVERLOADED: {
    ...UNAVAILABLE,
    retryable: true,
    cause: 'Too many requests wait for the same pool in one process, or no time was left to send this one.',
    next: 'Try again later.',
  },
  LEDGER_CLOSED: {
    ...UNAVAILABLE,
    retryable: true,
    cause: 'The process is shutting down.',
    next: 'Send the request to another replica.',
  },
  LEDGER_AUTH_FAILED: {
    ...FORBIDDEN,
    retryable: false,
    cause: 'Postgres rejected the user or the password.',
    next: 'Check the user, the password and pg_hba.conf of the ledger.',
  },
  LEDGER_TLS_FAILED: {
    ...UNAVAILABLE,
    retryable: false,
    cause: 'The TLS connection to Postgres failed.',
    next: 'Check the certificate of the ledger and the CA that verifies it.',
  },
  LEDGER_NOT_ALLOWED: {
    ...FORBIDDEN,
    retryable: false,
    cause: 'The Postgres role of this program lacks a privilege.',
    next: 'Grant the role of this program its privileges, or run the migration as their owner.',
  },
  LEDGER_SHARED_LOGIN: {
    ...FORBIDDEN,
    retryable: false,
    cause:
      'A pooler connects with another user than the one in the ledger URL. Clusters with one login are not separated.',
    next: 'Let the pooler use the user of its client (pgbouncer: no `user=` in the entry of the database).',
  },
  LEDGER_DATABASE_MISSING: {
    ...UNAVAILABLE,
    retryable: false,
    cause: 'The database does not exist.',
    next: 'Create the database, then run `rock-mac migrate`.',
  },
  LEDGER_SCHEMA_MISSING: {
    ...NEEDS_REPAIR,
    retryable: false,
    cause: 'The database has no schema of rock-mac.',
    next: 'Run `rock-mac migrate` against this ledger.',
  },
  LEDGER_SCHEMA_TOO_OLD: {
    ...NEEDS_REPAIR,
    retryable: false,
    cause: 'The schema of the ledger is older than this program.',
    next: 'Run `rock-mac migrate` of this version against this ledger.',
  },
  LEDGER_SCHEMA_TOO_NEW: {
    ...NEEDS_REPAIR,
    retryable: false,
    cause: 'The schema of the ledger is newer than this program.',
    next: 'Upgrade this program to the version that migrated the ledger.',
  },
  LEDGER_MIGRATION_FAILED: {
    ...NEEDS_REPAIR,
    retryable: false,
    cause: 'A migration failed, and Postgres rolled it back.',
    next: 'Nothing of that migration was applied: remove the cause and migrate again.',
  },
  LEDGER_NOT_EMPTY: {
    ...NEEDS_REPAIR,
    exit: 'conflict',
    retryable: false,
    cause: 'The ledger already holds data, and the command needs an empty one.',
    next: 'Create an empty database, run `rock-mac migrate` on it, and name it as the ledger.',
  },
  IMPORT_REFUSED: {
    ...NEEDS_REPAIR,
    retryable: false,
    cause: 'The file is not a database of the predecessor, or its contents contradict the ledger.',
    next: 'Name the SQLite file of the predecessor, usually ~/.rock/mac-dispenser.db.',
  },
  BACKUP_NOT_WRITTEN: {
    ...NEEDS_REPAIR,
    retryable: false,
    cause: 'The backup file cannot be written.',
    next: 'Name a file in a folder that you may write to, on a disk with enough space.',
  },
  BACKUP_REFUSED: {
    ...NEEDS_REPAIR,
    retryable: false,
    cause: 'The file is not a complete backup that this version can read.',
    next: 'Name another backup.',
  },
  LEDGER_FAILED: {
    ...NEEDS_REPAIR,
    retryable: false,
    cause: 'Postgres reported an error that this program does not expect.',
    next: 'Check the log of Postgres. If the cause is not there, report a bug.',
  },
  BAD_REQUEST: {
    readyReason: 'InvalidSpec',
    admissionStatus: 422,
    exit: 'error',
    retryable: false,
    cause: 'A value of the request is too long, malformed or cannot be stored.',
    next: 'Correct the value and try again.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type LedgerErrorCode = keyof typeof LEDGER_ERRORS;
