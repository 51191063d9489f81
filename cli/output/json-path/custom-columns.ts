import { formatPlain } from '../table.ts';
import { evaluatePath, valueText } from './evaluate.ts';
import { parsePath } from './parse-path.ts';
import { JsonPathError, type Path } from './template.ts';

/** A column of `-o custom-columns=…`. */
export interface CustomColumn {
  readonly head: string;
  readonly path: Path;
}

/**
 * Parses `HEAD:path,HEAD:path`. As in kubectl, a path may lack its first dot and its braces.
 *
 * @throws JsonPathError
 */
export function parseCustomColumns(text: string): readonly CustomColumn[] {
  // A comma in brackets or quotes belongs to a path.
  const specs = text.match(/(?:[^,"'[]|\[[^\]]*\]|"[^"]*"|'[^']*')+/gu) ?? [];
  if (specs.length === 0) throw new JsonPathError('a column is missing');
  return specs.map((spec) => {
    const [, head, path] = /^([^:]+):(.+)$/su.exec(spec.trim()) ?? [];
    if (head === undefined || path === undefined) {
      throw new JsonPathError(`${JSON.stringify(spec)} is no column: a column is a head, a colon and a path`);
    }
    return { head, path: parsePath(path.replace(/^\{(.*)\}$/su, '$1').replace(/^(?=[^.[])/u, '.')) };
  });
}

/** Returns a header and one line for each value. Several values of one cell are separated by commas. */
export function customTable(columns: readonly CustomColumn[], values: readonly unknown[]): string[] {
  const rows = values.map((value) => columns.map(({ path }) => cellText(evaluatePath(path, value))));
  return formatPlain(
    columns.map(({ head }) => head),
    rows,
  );
}

function cellText(found: readonly unknown[]): string {
  return found.length === 0 ? '<none>' : found.map(valueText).join(',');
}
