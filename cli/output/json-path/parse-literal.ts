import { JsonPathError } from './template.ts';

/** A text in single or double quotes. */
export const QUOTED = /^(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')/su;

/** A literal, and the length of its source. */
export interface Literal {
  readonly value: string | number | boolean;
  readonly length: number;
}

/** Parses the quoted text, number or boolean at the beginning of a text. */
export function parseLiteral(text: string): Literal | undefined {
  const quoted = QUOTED.exec(text)?.[0];
  if (quoted !== undefined) return { value: unescape(quoted.slice(1, -1)), length: quoted.length };
  const number = /^[+-]?\d+(?:\.\d+)?(?![\p{L}\p{N}_])/u.exec(text)?.[0];
  if (number !== undefined) return { value: Number(number), length: number.length };
  const word = /^(?:true|false)(?![\p{L}\p{N}_])/u.exec(text)?.[0];
  return word === undefined ? undefined : { value: word === 'true', length: word.length };
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** Replaces the escapes of Go in a quoted text. */
function unescape(text: string): string {
  return text.replaceAll(/\\(?:x([\da-f]{2})|u([\da-f]{4})|(.))/gisu, (escape: string, ...codes: readonly string[]) => {
    const [octet, unit, character = ''] = codes;
    const hex = octet ?? unit;
    const replaced = hex === undefined ? ESCAPES[character] : String.fromCharCode(Number.parseInt(hex, 16));
    if (replaced === undefined) throw new JsonPathError(`${escape} is no escape`);
    return replaced;
  });
}
