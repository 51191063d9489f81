import type { Queryable } from '../../ledger/connection/statement.ts';
import type { ListParameters, ListSupport } from './list-parameters.ts';
import type { TableColumn } from './table.ts';

export interface ResourcePage<T> {
  readonly items: readonly T[];
  /** Where the page ends; absent on the last page. */
  readonly end?: string | undefined;
  /** Up to which id the audit was read, also if nothing fitted. A follower continues from here. */
  readonly reached?: number | undefined;
}

/** One kind of the read API: how its objects are read and shown. */
export interface ReadApiResource<T> extends ListSupport {
  readonly columns: (now: Date) => readonly TableColumn<T>[];
  /** `reached`: how far an earlier attempt of the same request read. */
  readonly list: (db: Queryable, parameters: ListParameters, reached?: number) => Promise<ResourcePage<T>>;
  /** Returns `undefined` if there is no object with this name. */
  readonly get: (db: Queryable, name: string, query: URLSearchParams) => Promise<T | undefined>;
}

/** Returns a page of at most `limit` objects. Expects up to one row more, which shows whether another page follows. */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  { encode, endAt }: { readonly encode: (row: Row) => T; readonly endAt: (row: Row) => string },
): ResourcePage<T> {
  const onPage = rows.slice(0, limit);
  const last = onPage.at(-1);
  return { items: onPage.map(encode), end: rows.length > limit && last !== undefined ? endAt(last) : undefined };
}

/** Parses a name that is a number: positive, and exact as a double. */
export function parseId(name: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(name) ? Number(name) : undefined;
}
