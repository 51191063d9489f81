import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { badRequest, type Problem } from './problem.ts';

const token = z.object({ v: z.literal(1), after: z.string().min(1).max(1_100) });

/** Where the next page begins: behind this mark. It never becomes too old, since pages are of their own moment. */
export function writeContinue(after: string): string {
  return Buffer.from(JSON.stringify({ v: 1, after })).toString('base64url');
}

/** @throws Problem (400) for what `writeContinue` did not write */
export function readContinue(text: string): string {
  const parsed = token.safeParse(parseJson(Buffer.from(text, 'base64url').toString('utf8')));
  if (parsed.success) return parsed.data.after;
  throw badContinue();
}

export function badContinue(): Problem {
  return badRequest('the continue token is not one of this list: begin the list again without it');
}
