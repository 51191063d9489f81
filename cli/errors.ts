import { isLedgerError, type LedgerErrorCode } from '../ledger/errors.ts';

/**
 * How the program ends. Scripts of the predecessor know 0 and 1: what it answered with 0 (nothing found to show, list or
 * release) and refused with 1 (a wrong value, an unknown pool) still ends so. The others are for what it never had.
 */
export const EXIT_CODES = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  exhausted: 5,
  forbidden: 6,
  unavailable: 7,
} as const;

export type Exit = keyof typeof EXIT_CODES;

export const EXITS = ['ok', 'error', 'usage', 'notFound', 'conflict', 'exhausted', 'forbidden', 'unavailable'] as const;

/** What each code means, for the help. */
export const EXIT_MEANINGS: Readonly<Record<Exit, string>> = {
  ok: 'done; also when there was nothing to show, list or release',
  error: 'refused or failed: a wrong value, an unknown pool, a check that found something',
  usage: 'the command line itself is wrong: an unknown command or flag, a missing argument',
  notFound: 'what was named is not in the ledger (renew, cluster retire)',
  conflict: 'it is held by somebody else, or needs --force or --approve',
  exhausted: 'the pool has no address left to give',
  forbidden: 'this user may not do that, or the password is wrong',
  unavailable: 'the ledger or the cluster cannot be reached or does not hand out addresses now',
};

/** What a user did or met that ends a command: the cause, the next step, and how the program ends. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly exit: Exit;

  constructor(cause: string, nextStep: string, exit: Exit = 'error') {
    super(`${cause} ${nextStep}`.trimEnd()); // a cause may say the next step itself
    this.exit = exit;
  }
}

/** A command ends well before it printed its result: a dry run has said what would be done. */
export class Done extends Error {
  override readonly name = 'Done';
}

/** Ledger errors that are neither of the user's making nor of their rights, so the same call may work later. */
const UNAVAILABLE: readonly LedgerErrorCode[] = [
  'LEDGER_UNAVAILABLE',
  'LEDGER_TIMEOUT',
  'LEDGER_BUSY',
  'LEDGER_READ_ONLY',
  'LEDGER_TOO_MANY_CONNECTIONS',
  'LEDGER_DISK_FULL',
  'LEDGER_NOT_DURABLE',
  'LEDGER_OVERLOADED',
  'LEDGER_CLOSED',
  'LEDGER_TLS_FAILED',
  'LEDGER_DATABASE_MISSING',
];
const FORBIDDEN: readonly LedgerErrorCode[] = ['LEDGER_AUTH_FAILED', 'LEDGER_NOT_ALLOWED'];

/** What is written to stderr after `Error: `, and the exit code. What nobody foresaw shows where it came from. */
export function explain(error: unknown, verbose: boolean): { readonly text: string; readonly exitCode: number } {
  if (error instanceof UserError) return { text: error.message, exitCode: EXIT_CODES[error.exit] };
  if (isLedgerError(error)) {
    const cause = verbose && error.cause instanceof Error ? `\n${String(error.cause.stack)}` : '';
    return { text: `${error.message} [${error.code}]${cause}`, exitCode: EXIT_CODES[exitOf(error.code)] };
  }
  if (isSystemError(error) && !verbose) {
    return { text: `${error.message}. Remove the cause and try again.`, exitCode: EXIT_CODES.error };
  }
  return { text: error instanceof Error ? String(error.stack) : String(error), exitCode: EXIT_CODES.error };
}

/** What the operating system refused: a disk that is full, a folder that may not be written. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'errno' in error;
}

function exitOf(code: LedgerErrorCode): Exit {
  if (UNAVAILABLE.includes(code)) return 'unavailable';
  if (FORBIDDEN.includes(code)) return 'forbidden';
  return code === 'LEDGER_NOT_EMPTY' ? 'conflict' : 'error';
}
