import { printable } from './printable.ts';

/** A column of a table for people: its head, and how wide it is at least. The last one takes what it needs. */
export interface Column {
  readonly head: string;
  readonly width: number;
  /** Its cells are our own, with colours in them. */
  readonly painted?: true;
}

/** A head, a line of 80 dashes, and a line for each row: what scripts of the predecessor cut by column. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const [head = '', ...body] = formatRows(columns, [columns.map((column) => column.head), ...rows]);
  return [head, '-'.repeat(80), ...body];
}

/** A longer text pushes what follows to the right rather than lose its end. */
function formatLine(columns: readonly Column[], cells: readonly string[]): string {
  return cells
    .map((cell, index) => (columns[index]?.painted === true ? cell : printable(cell)))
    .map((cell, index) => (index === cells.length - 1 ? cell : cell.padEnd(columns[index]?.width ?? 0)))
    .join(' ')
    .trimEnd();
}

/** Columns as wide as what stands in them, without a line below the head: what users of kubectl expect. */
export function formatPlain(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)) + 2);
  const columns = heads.map((head, column) => ({ head, width: widths[column] ?? 0 }));
  return formatRows(columns, [heads, ...rows]);
}

function formatRows(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  return rows.map((cells) => formatLine(columns, cells));
}
