import type { z } from 'zod';

/** One SQL statement with its parameters and the shape of the rows that it gives back. */
export interface Statement<T> {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Every row is checked against it where it comes back, so that the rest of the program can trust its types. */
  readonly row: z.ZodType<T>;
}

/** Where statements run: the pool itself, or one transaction on it. */
export interface Queryable {
  /** Runs one statement and returns its rows. Throws a LedgerError. */
  query<T>(statement: Statement<T>): Promise<T[]>;
}

/** For statements that give back exactly one row. */
export async function queryOne<T>(db: Queryable, statement: Statement<T>): Promise<T> {
  const [row] = await db.query(statement);
  if (row === undefined) throw new Error(`no row came back from: ${statement.text}`);
  return row;
}
