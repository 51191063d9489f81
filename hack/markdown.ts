/** Returns a Markdown table, formatted like prettier does. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // A bar ends a cell, even inside code.
  const all = [head, ...rows].map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...all.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const [first = [], ...body] = all;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

export function code(text: string): string {
  return `\`${text}\``;
}
