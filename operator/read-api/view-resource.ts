import type { Queryable } from '../../ledger/statement.ts';
import type { ListQuestion } from './list-question.ts';
import type { TableColumn } from './table.ts';

export interface Page<T> {
  readonly items: readonly T[];
  /** Whether there are more behind the last one. */
  readonly more: boolean;
}

/** One kind of the read API: how it is found in the ledger, and how it is shown. */
export interface ViewResource<T> {
  /** The fields that a selector may name. */
  readonly fields: readonly string[];
  readonly columns: (now: Date) => readonly TableColumn<T>[];
  readonly list: (db: Queryable, question: ListQuestion) => Promise<Page<T>>;
  /** `undefined` where nothing has that name. */
  readonly get: (db: Queryable, name: string) => Promise<T | undefined>;
}

/** A page from one row more than was asked for: whether that one came tells whether there are more. */
export function pageOf<T>(rows: readonly T[], limit: number): Page<T> {
  return { items: rows.slice(0, limit), more: rows.length > limit };
}
