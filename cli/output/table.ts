import { escapeInvisible } from './invisible.ts';

/** A column of a table: its header and its minimum width. The last column is as wide as its content. */
export interface Column {
  readonly head: string;
  readonly width: number;
  /** The cells contain our own colour codes, so they are not escaped. */
  readonly painted?: true;
}

/** Formats a table like the predecessor: a header, a line of 80 dashes, and fixed columns that scripts cut. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const [head = '', ...body] = formatRows(columns, [columns.map((column) => column.head), ...rows]);
  return [head, '-'.repeat(80), ...body];
}

/** Never truncates a cell: a longer one moves the rest of the line to the right. */
function formatLine(columns: readonly Column[], cells: readonly string[]): string {
  return cells
    .map((cell, index) => (columns[index]?.painted === true ? cell : printable(cell)))
    .map((cell, index) => (index === cells.length - 1 ? cell : cell.padEnd(columns[index]?.width ?? 0)))
    .join(' ')
    .trimEnd();
}

/** Formats a table like kubectl: columns as wide as their content, and no line below the header. */
export function formatPlain(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)) + 2);
  const columns = heads.map((head, column) => ({ head, width: widths[column] ?? 0 }));
  return formatRows(columns, [heads, ...rows]);
}

function formatRows(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  return rows.map((cells) => formatLine(columns, cells));
}

/**
 * Escapes control characters and invisible characters in text from outside. A device can have any name, and it must not
 * look like a second row to scripts, move the cursor of a terminal, or look like another name.
 */
export function printable(text: string): string {
  const visible = text.replaceAll(
    /\p{Cc}/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return escapeInvisible(visible, (code) => `\\u{${code.toString(16)}}`);
}
