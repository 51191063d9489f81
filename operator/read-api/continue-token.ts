import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { badRequest, type StatusError } from './status-error.ts';

const token = z.object({ v: z.literal(1), after: z.string().min(1).max(1_100) });

/** Returns the token of the page after this position. It never expires, because every page reads the current rows. */
export function encodeContinueToken(after: string): string {
  return Buffer.from(JSON.stringify({ v: 1, after })).toString('base64url');
}

/** @throws StatusError (400) for a text that `encodeContinueToken` did not return */
export function decodeContinueToken(text: string): string {
  const parsed = token.safeParse(parseJson(Buffer.from(text, 'base64url').toString('utf8')));
  if (parsed.success) return parsed.data.after;
  throw invalidContinueToken();
}

export function invalidContinueToken(): StatusError {
  return badRequest('the continue token is not one of this list: start the list again without it');
}
