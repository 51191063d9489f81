import type { Queryable } from '../../ledger/connection/statement.ts';
import type { Listed, ListQuestion } from './list-query.ts';
import type { TableColumn } from './table.ts';

export interface Page<T> {
  readonly items: readonly T[];
  /** Where it ended; absent where nothing is behind it. */
  readonly end?: string | undefined;
}

/** One kind of the read API: how it is found in the ledger, and how it is shown. */
export interface ViewResource<T> extends Listed {
  readonly columns: (now: Date) => readonly TableColumn<T>[];
  readonly list: (db: Queryable, question: ListQuestion) => Promise<Page<T>>;
  /** `undefined` where nothing has that name. */
  readonly get: (db: Queryable, name: string) => Promise<T | undefined>;
}

/** A page from one row more than was asked for: whether that one came tells whether there are more. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  { show, endAt }: { readonly show: (row: Row) => T; readonly endAt: (row: Row) => string },
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(show), end: rows.length > limit && last !== undefined ? endAt(last) : undefined };
}
