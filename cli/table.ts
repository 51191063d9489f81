/** A column of a table for people: its head, and how wide it is at least. The last one takes what it needs. */
export interface Column {
  readonly head: string;
  readonly width: number;
}

/** A head, a line of 80 dashes, and a line for each row: what scripts of the predecessor cut by column. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ head }) => head), ...rows].map((cells) => formatLine(columns, cells));
  const [head = '', ...body] = lines;
  return [head, '-'.repeat(80), ...body].join('\n');
}

/** A longer text pushes what follows to the right rather than lose its end. */
function formatLine(columns: readonly Column[], cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === cells.length - 1 ? cell : cell.padEnd(columns[index]?.width ?? 0)))
    .join(' ')
    .trimEnd();
}

/** Minutes of the local clock, as in `2026-01-31 09:05`. */
export function formatMinutes(date: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = [String(date.getFullYear()), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
