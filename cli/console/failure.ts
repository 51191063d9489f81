import { LEDGER_ERRORS } from '../../ledger/error-codes.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { type Exit, explainError, UserError } from '../errors.ts';

/** A failed call, for the page. The text is that of the command line, with the code of docs/errors.md. */
export interface CallFailure {
  readonly status: number;
  readonly message: string;
}

const STATUS_OF_EXIT: Readonly<Record<Exit, number>> = {
  ok: 500,
  error: 422,
  usage: 400,
  notFound: 404,
  conflict: 409,
  exhausted: 409,
  forbidden: 403,
  unavailable: 503,
};

/** Returns the status and the text of an error for the user. `undefined`: the error is a fault of the program. */
export function failureOf(error: unknown): CallFailure | undefined {
  if (error instanceof UserError) return { status: STATUS_OF_EXIT[error.exit], message: error.message };
  if (!isLedgerError(error)) return undefined;
  return {
    status: STATUS_OF_EXIT[LEDGER_ERRORS[error.code].exit],
    message: `${explainError(error, false).text} [${error.code}]`,
  };
}
