import type { z } from 'zod';

/** One SQL statement with its parameters and the schema of its rows. */
export interface Statement<T> {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Every returned row is parsed with it, so callers can trust the types. */
  readonly row: z.ZodType<T>;
}

/** Runs statements: a client with its connections, or one transaction. */
export interface Queryable {
  /** Runs one statement and returns its rows. Throws LedgerError. */
  query<T>(statement: Statement<T>): Promise<T[]>;
}

/** Runs a statement that returns exactly one row. */
export async function queryOne<T>(db: Queryable, statement: Statement<T>): Promise<T> {
  const [row] = await db.query(statement);
  if (row === undefined) throw new Error(`no row returned by: ${statement.text}`);
  return row;
}
