import { systemReason } from '../api/system-reason.ts';
import { LEDGER_ERRORS } from '../ledger/error-codes.ts';
import { isLedgerError } from '../ledger/errors.ts';
import { didYouMean } from './did-you-mean.ts';

/**
 * The exit codes. Scripts written for the predecessor know 0 and 1, so its cases keep them: 0 if there was nothing to
 * show, list or release; 1 for a wrong value or an unknown pool. The other codes are for cases that it did not have.
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

/** The exits in the order of their codes. */
export const EXITS = ['ok', 'error', 'usage', 'notFound', 'conflict', 'exhausted', 'forbidden', 'unavailable'] as const;

/** The meaning of each exit code, for the help and docs/cli.md. */
export const EXIT_MEANINGS: Readonly<Record<Exit, string>> = {
  ok: 'success, or there was nothing to show, list or release',
  error: 'refused or failed: an invalid value, an unknown pool, a failed check',
  usage: 'invalid command line: an unknown command or flag, a missing argument',
  notFound:
    'the address, device, cluster, holder or prefix is not in the ledger (renew, cluster retire, stock return, prefix remove)',
  conflict: 'held by another owner, or needs --force or --approve',
  exhausted: 'the pool has no free address',
  forbidden: 'permission denied, or wrong password',
  unavailable: 'the ledger or the cluster cannot be reached, or allocates nothing now',
};

/** Why a request was refused: the cause, the next step, and the exit code. */
export interface CommandRefusal {
  readonly cause: string;
  /** Empty if the cause already names the next step. */
  readonly nextStep: string;
  readonly exit: Exit;
}

export function commandRefusal(cause: string, nextStep: string, exit: Exit = 'error'): CommandRefusal {
  return { cause, nextStep, exit };
}

/** Returns the text of a refusal as users see it. */
export function refusalText({ cause, nextStep }: CommandRefusal): string {
  return `${cause} ${nextStep}`.trimEnd();
}

/** Ends the command with a message for the user, without a stack trace. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly exit: Exit;

  constructor(cause: string, nextStep: string, exit: Exit = 'error') {
    super(refusalText({ cause, nextStep, exit }));
    this.exit = exit;
  }

  static from({ cause, nextStep, exit }: CommandRefusal): UserError {
    return new UserError(cause, nextStep, exit);
  }
}

/** Returns the refusal for a pool that does not exist, in both modes. */
export function unknownPool(pool: string, names: readonly string[]): CommandRefusal {
  return commandRefusal(
    `There is no pool ${JSON.stringify(pool)}.${didYouMean(pool, names)}`,
    names.length === 0 ? 'This ledger has no pools.' : `The pools are ${names.join(', ')}.`,
  );
}

/**
 * Returns the text to print after `Error: ` and the exit code. `--verbose` adds the code of docs/errors.md. Only unexpected
 * errors show a stack trace.
 */
export function explainError(error: unknown, verbose: boolean): { readonly text: string; readonly exitCode: number } {
  if (error instanceof UserError) return { text: error.message, exitCode: EXIT_CODES[error.exit] };
  if (isLedgerError(error)) {
    const cause = error.cause instanceof Error ? `\n${String(error.cause.stack)}` : '';
    const details = verbose ? ` [${error.code}]${cause}` : '';
    return { text: `${error.message}${details}`, exitCode: EXIT_CODES[LEDGER_ERRORS[error.code].exit] };
  }
  if (isSystemError(error) && !verbose) {
    const what = error.path === undefined ? `\`${error.syscall ?? ''}\` failed` : `${error.path} cannot be used`;
    return { text: `${what} (${systemReason(error)}). Remove the cause and try again.`, exitCode: EXIT_CODES.error };
  }
  return { text: error instanceof Error ? String(error.stack) : String(error), exitCode: EXIT_CODES.error };
}

/** Returns whether the operating system refused a call: the disk is full, or a folder is not writable. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'errno' in error;
}
