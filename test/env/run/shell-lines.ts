/** Returns `export NAME='value'` for a POSIX shell, with any value quoted. */
export function exportLine(name: string, value: string): string {
  return `export ${name}=${quoted(value)}`;
}

/** Returns a shell line that prepends a folder to PATH. */
export function pathLine(folder: string): string {
  return `export PATH=${quoted(folder)}:"$PATH"`;
}

/** The line that is printed when everything is ready. */
export const readyLine = 'READY';

function quoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
