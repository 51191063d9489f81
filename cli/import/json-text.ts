import { parseJson } from '../../api/parse-json.ts';
import { lineFinder } from './parsed-file.ts';

/*
 * JSON that people write: Kea accepts comments that begin with #, // or slash-star, commas before a closing bracket, and the inclusion of
 * other files (https://kea.readthedocs.io/en/stable/arm/config.html#json-configuration). JSON.parse does not.
 */

/**
 * A text in quotation marks, which may contain what looks like a comment. One that does not end matches too: otherwise each of its escaped
 * quotation marks would begin another search to the end of the file.
 */
const TEXT = String.raw`"[^"\\\n]*(?:\\.[^"\\\n]*)*"?`;
const COMMENTS = new RegExp(
  String.raw`${TEXT}|#[^\n]*|//[^\n]*|/\*[\s\S]*?(?:\*/|$)|<\?include\s*"[^"\n]*"\s*\?>`,
  'g',
);
const LAST_COMMAS = new RegExp(String.raw`${TEXT}|,(?=\s*(?:[\]}]|$))`, 'g');

export type JsonText =
  | { readonly ok: true; readonly value: unknown; readonly includes: readonly string[] }
  | { readonly ok: false; readonly why: string; readonly line: number };

/** Parses JSON with comments. A list without its brackets, as in a file that another one includes, is a list too. */
export function parseJsonText(text: string): JsonText {
  const includes: string[] = [];
  const plain = plainJson(text, includes);
  if (plain === undefined) return { ok: false, why: 'it has a text that is too long', line: 1 };
  const value = parseJson(plain) ?? parseJson(`[${plain}]`);
  if (value !== undefined && plain.trim() !== '') return { ok: true, value, includes };
  const [include] = includes;
  const hint = include === undefined ? '' : `; it includes another file with ${include}, which must be pasted in`;
  return { ok: false, why: `it is no JSON${hint}`, line: problemLine(plain) };
}

/** Returns JSON as JSON.parse reads it, with spaces instead of the rest. Adds included files to `includes`. */
function plainJson(text: string, includes: string[]): string | undefined {
  try {
    return text
      .replace(/^\uFEFF/, ' ')
      .replaceAll(COMMENTS, (found) => {
        if (found.startsWith('"')) return found;
        if (found.startsWith('<?')) includes.push(found);
        return found.replaceAll(/[^\n]/g, ' ');
      })
      .replaceAll(LAST_COMMAS, (found) => (found.startsWith('"') ? found : ' '));
  } catch (error) {
    // The engine remembers each escape in a text, and has room for ten million.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Returns the line with which JSON.parse has a problem. Its messages rarely say where it is. But a text that is cut off before that place
 * is only incomplete.
 */
function problemLine(text: string): number {
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isIncomplete(text.slice(0, middle + 1))) low = middle + 1;
    else high = middle;
  }
  return lineFinder(text)(low);
}

/** Returns whether a text could become JSON by more text. The messages are those of V8, the engine of Node.js. */
function isIncomplete(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = String(error);
    const position = / position (\d+)/.exec(message)?.[1];
    return /end of JSON|Unterminated string/.test(message) || position === String(text.length);
  }
}

/**
 * Returns a function that returns the line of the next place with a text, in the order of the file. JSON.parse does not say where a value
 * was. A text that is escaped in an unusual way is not found.
 */
export function textFinder(text: string): (value: string) => number | undefined {
  const lines = lineFinder(text);
  let from = 0;
  return (value) => {
    const at = text.indexOf(JSON.stringify(value), from);
    if (at === -1) return undefined;
    from = at + 1;
    return lines(at + 1);
  };
}

/** Yields each object in a JSON value with the objects around it, the innermost first, in the order of the file. */
export function* objectsIn(
  value: unknown,
): Generator<{ readonly object: JsonObject; readonly around: readonly JsonObject[] }> {
  // A list of what is left instead of recursion: a hostile file is nested a million times.
  const left: { readonly value: unknown; readonly around: readonly JsonObject[] }[] = [{ value, around: [] }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value: current, around } = next;
    if (typeof current !== 'object' || current === null) continue;
    const isList = Array.isArray(current);
    if (!isList) yield { object: current as JsonObject, around };
    const inner = isList ? around : [current as JsonObject, ...around].slice(0, MAX_AROUND);
    for (const child of Object.values(current).reverse()) left.push({ value: child, around: inner });
  }
}

/** More than any format has. Without a limit, a deep file takes quadratic time. */
const MAX_AROUND = 8;

export type JsonObject = Readonly<Record<string, unknown>>;
