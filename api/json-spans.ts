/**
 * Locates values in JSON text, so that one value can be replaced while every other byte stays the same. Parsing and
 * formatting again would drop duplicate keys, reorder number-like keys and round large numbers.
 *
 * All functions here expect text that `JSON.parse` accepts.
 */

/** A half-open range: `text.slice(start, end)`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface MemberSpan {
  readonly key: string;
  readonly value: Span;
}

/** Returns the spans of the elements, for a text that is an array. */
export function elementSpans(text: string): readonly Span[] {
  const open = skipSpace(text, 0);
  const spans: Span[] = [];
  let at = skipSpace(text, open + 1);
  while (text[at] !== ']') {
    const end = endOfValue(text, at);
    spans.push({ start: at, end });
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return spans;
}

/** Returns the members of the object at a span, in order and with duplicates. */
export function memberSpans(text: string, object: Span): readonly MemberSpan[] {
  const members: MemberSpan[] = [];
  let at = skipSpace(text, object.start + 1);
  while (text[at] !== '}') {
    const keyEnd = endOfString(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    members.push({ key, value: { start, end } });
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return members;
}

/** Applies non-overlapping replacements; an empty span inserts. */
export function splice(text: string, edits: readonly { readonly span: Span; readonly text: string }[]): string {
  const ordered = edits.toSorted((a, b) => a.span.start - b.span.start);
  let result = '';
  let at = 0;
  for (const edit of ordered) {
    result += text.slice(at, edit.span.start) + edit.text;
    at = edit.span.end;
  }
  return result + text.slice(at);
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at++;
  return at;
}

function endOfString(text: string, quote: number): number {
  let at = quote + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfValue(text: string, from: number): number {
  const first = text.charAt(from);
  if (first === '"') return endOfString(text, from);
  if (first === '{' || first === '[') return endOfContainer(text, from);
  let at = from;
  while (at < text.length && !',]} \t\n\r'.includes(text.charAt(at))) at++;
  return at;
}

function endOfContainer(text: string, from: number): number {
  let depth = 0;
  let at = from;
  do {
    const char = text.charAt(at);
    if (char === '"') {
      at = endOfString(text, at);
      continue;
    }
    if (char === '{' || char === '[') depth++;
    if (char === '}' || char === ']') depth--;
    at++;
  } while (depth > 0);
  return at;
}
