import { z } from 'zod';
import { type Queryable, queryOne } from './statement.ts';

/**
 * Repeats a statement that changes a part in each call, until it returns the `count` 0: all at once would take longer than callers
 * wait.
 */
export async function inSteps(
  db: Queryable,
  statement: { readonly text: string; readonly values: readonly unknown[] },
): Promise<void> {
  while ((await queryOne(db, { ...statement, row: z.object({ count: z.int() }) })).count > 0);
}
