/** `export NAME='value'`, which any POSIX shell can evaluate whatever the value holds. */
export function exportLine(name: string, value: string): string {
  return `export ${name}=${quoted(value)}`;
}

/** Puts a folder first in PATH. */
export function pathLine(folder: string): string {
  return `export PATH=${quoted(folder)}:"$PATH"`;
}

/** Says, alone on its line, that everything answers. */
export const readyLine = 'READY';

function quoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
