/** Returns a cell of CSV (RFC 4180): quoted where a comma, a quote or white space at an end could be misread. A cell is one line. */
export function csvQuote(text: string): string {
  return /[",]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
