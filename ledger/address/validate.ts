import type { z } from 'zod';
import { isLedgerError, LedgerError } from '../errors.ts';

/** Returns what is wrong with a value, with the name of each wrong field, or `undefined` if it is valid. */
export function problemOf(schema: z.ZodType, value: unknown): string | undefined {
  const parsed = schema.safeParse(value);
  if (parsed.success) return undefined;
  return parsed.error.issues.map((issue) => `${issue.path.map(String).join('.')} ${issue.message}`.trim()).join('; ');
}

/** Throws BAD_REQUEST with the reason unless the value is valid. */
export function requireValid(schema: z.ZodType, value: unknown, what: string): void {
  const problem = problemOf(schema, value);
  if (problem !== undefined) throw new LedgerError('BAD_REQUEST', `${what} was refused: ${problem}`);
}

/** The outcome of an item with a value that the ledger cannot store. */
export interface Invalid {
  readonly outcome: 'invalid';
  readonly why: string;
}

/**
 * Runs a group of items at once, and keeps one bad item from failing the others. Invalid items are not sent. If
 * Postgres still refuses a value, each item runs alone, once. Returns outcomes in the order of the items.
 */
export async function runEach<I, O>(
  items: readonly I[],
  schema: z.ZodType,
  run: (items: readonly I[]) => Promise<O[]>,
): Promise<(O | Invalid)[]> {
  const problems = items.map((item) => problemOf(schema, item));
  const valid = items.filter((_, index) => problems[index] === undefined);
  const outcomes = (await runOneByOne(valid, run)).values();
  return problems.map((why) => (why === undefined ? nextOf(outcomes) : { outcome: 'invalid', why }));
}

/** Runs all items together, or one by one if Postgres refuses a value among them. */
export async function runOneByOne<I, O>(
  items: readonly I[],
  run: (items: readonly I[]) => Promise<O[]>,
): Promise<(O | Invalid)[]> {
  if (items.length === 0) return [];
  try {
    return await run(items);
  } catch (error) {
    if (!isLedgerError(error) || error.code !== 'BAD_REQUEST') throw error;
    if (items.length === 1) return [{ outcome: 'invalid', why: error.message }];
  }
  const outcomes: (O | Invalid)[] = [];
  for (const item of items) outcomes.push(...(await runOneByOne([item], run)));
  return outcomes;
}

function nextOf<O>(outcomes: IterableIterator<O>): O {
  const next = outcomes.next();
  if (next.done === true) throw new Error('the ledger returned fewer outcomes than items');
  return next.value;
}
