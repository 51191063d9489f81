/** The size of a JSON text once it is parsed, counted without parsing it. */
export interface JsonSize {
  /** Objects, arrays, and the members and elements in them. Each takes 20 to 100 bytes of memory. */
  readonly values: number;
  /** Levels of nesting. */
  readonly depth: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Counts the values and levels of a JSON text in UTF-8. Counts invalid JSON too, which the parser refuses later. The number
 * of bytes is not enough: 3 MiB of `{},` become a million objects (80 MB), but a string of 3 MiB is one value.
 */
export function jsonSize(text: Uint8Array): JsonSize {
  let values = 1;
  let level = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case COMMA:
        values++;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        values++;
        depth = Math.max(depth, ++level);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        level--;
    }
  }
  return { values, depth };
}

/** Returns the position of the quote that ends the string which starts at `start`. */
function endOfString(text: Uint8Array, start: number): number {
  let end = text.indexOf(QUOTE, start + 1);
  while (end !== -1 && isEscaped(text, end, start)) end = text.indexOf(QUOTE, end + 1);
  return end === -1 ? text.length : end;
}

/** An odd number of backslashes before a quote makes it part of the string. */
function isEscaped(text: Uint8Array, quote: number, start: number): boolean {
  let first = quote;
  while (first - 1 > start && text[first - 1] === BACKSLASH) first--;
  return (quote - first) % 2 === 1;
}
