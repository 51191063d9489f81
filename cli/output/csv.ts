import { csvQuote } from '../../api/csv-quote.ts';
import { printable } from './table.ts';

/** The content of `-o csv`: a header, and one row for each item. Columns are only added, at the end. */
export interface Csv {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Returns the content for items whose fields are the columns. */
export function csvOf<T>(items: readonly T[], fields: readonly (keyof T & string)[]): Csv {
  return { heads: fields, rows: items.map((item) => fields.map((field) => item[field])) };
}

/** Returns lines of CSV (RFC 4180). A row is always one line, because control characters are escaped as in tables. */
export function csvLines({ heads, rows }: Csv): string[] {
  return [heads, ...rows].map((cells) => cells.map(csvCell).join(','));
}

function csvCell(value: unknown): string {
  return csvQuote(printable(cellText(value)));
}

/** Returns a cell as text: nothing for a missing value, ISO 8601 for a time, and JSON for a list or an object. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : JSON.stringify(value);
}
