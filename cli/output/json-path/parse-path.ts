import { parseLiteral, QUOTED } from './parse-literal.ts';
import { JsonPathError, OPERATORS, type Path, type Step } from './template.ts';

/** A name ends at whitespace and at the characters of the syntax, unless a backslash escapes them. */
const NAME = /^(?:\\.|[^\s.,[\]{}$@\\])+/su;

/** In a filter, a name also ends at an operator and at the closing parenthesis. */
const NAME_IN_FILTER = /^(?:\\.|[^\s.,[\]{}$@\\=!<>)])+/su;

interface Cursor {
  rest: string;
  readonly inFilter: boolean;
}

/**
 * Parses the path of an action, such as `.items[*].mac`.
 *
 * @throws JsonPathError
 */
export function parsePath(text: string): Path {
  const cursor = { rest: text, inFilter: false };
  const path = parseSteps(cursor);
  if (cursor.rest !== '') throw unexpected(cursor.rest);
  return path;
}

function parseSteps(cursor: Cursor): Path {
  const steps: Step[] = [];
  for (;;) {
    cursor.rest = cursor.rest.trimStart();
    const found = parseStep(cursor);
    if (found === undefined) return steps;
    steps.push(...found);
  }
}

/** Parses what follows, or returns `undefined` at the end of the path. */
function parseStep(cursor: Cursor): Path | undefined {
  const { rest } = cursor;
  // `@` and `$` are the current value, where every path begins.
  if (rest.startsWith('@') || rest.startsWith('$')) return take(cursor, 1, []);
  if (rest.startsWith('..')) return parseDescendants(cursor);
  if (rest.startsWith('.')) {
    take(cursor, 1, []);
    return [parseName(cursor)];
  }
  if (rest.startsWith('[?(')) return [parseFilter(cursor)];
  if (rest.startsWith('[')) return parseBrackets(cursor);
  const literal = parseLiteral(rest);
  return literal && take(cursor, literal.length, [{ kind: 'literal', value: literal.value }]);
}

function parseDescendants(cursor: Cursor): Path {
  take(cursor, 2, []);
  const isName = /^[\p{L}\p{N}_\\*]/u.test(cursor.rest);
  return isName ? [{ kind: 'descendants' }, parseName(cursor)] : [{ kind: 'descendants' }];
}

function parseName(cursor: Cursor): Step {
  const name = (cursor.inFilter ? NAME_IN_FILTER : NAME).exec(cursor.rest)?.[0];
  if (name === undefined) throw new JsonPathError('a name is missing after a dot');
  const step: Step = name === '*' ? { kind: 'wildcard' } : { kind: 'field', name: name.replaceAll('\\', '') };
  return take(cursor, name.length, step);
}

/** Parses `[?(left)]`, or `[?(left operator right)]`. */
function parseFilter(cursor: Cursor): Step {
  const inside: Cursor = { rest: cursor.rest.slice('[?('.length), inFilter: true };
  const left = parseSteps(inside);
  const operator = OPERATORS.find((each) => inside.rest.startsWith(each));
  inside.rest = inside.rest.slice(operator?.length ?? 0);
  const right = operator === undefined ? [] : parseSteps(inside);
  if (left.length === 0 || (operator !== undefined && right.length === 0)) throw unexpected(cursor.rest);
  if (!inside.rest.startsWith(')]')) throw new JsonPathError(`the filter ${JSON.stringify(cursor.rest)} is not closed`);
  cursor.rest = inside.rest.slice(')]'.length);
  return { kind: 'filter', left, ...(operator !== undefined && { comparison: { operator, right } }) };
}

/** Parses `[…]`: one item, or several separated by commas. */
function parseBrackets(cursor: Cursor): Path {
  const [whole, content = ''] = /^\[((?:[^\]"']|"[^"]*"|'[^']*')*)\]/u.exec(cursor.rest) ?? [];
  if (whole === undefined) throw new JsonPathError(`${JSON.stringify(cursor.rest)} is not closed`);
  const items = (content.match(/(?:[^,"']|"[^"]*"|'[^']*')+/gu) ?? []).map((item) => parseItem(item.trim()));
  const [only = []] = items;
  if (items.length === 0) throw new JsonPathError('[] names nothing');
  return take(cursor, whole.length, items.length === 1 ? only : [{ kind: 'union', paths: items }]);
}

/** Parses `*`, an index, a slice, or a quoted name. As in kubectl, a dot in a quoted name needs a backslash. */
function parseItem(item: string): Path {
  if (item === '*') return [{ kind: 'slice', start: 0, end: undefined, step: 1 }];
  const quoted = QUOTED.exec(item)?.[0];
  if (quoted !== undefined && quoted.length === item.length) return parsePath(`.${item.slice(1, -1)}`);
  return [parseIndex(item)];
}

/** Parses an index, or `start:end:step`, where each part may be missing. */
function parseIndex(item: string): Step {
  const parts = item.split(':');
  if (item === '' || parts.length > 3 || !parts.every((part) => /^(?:-?\d+)?$/.test(part))) {
    throw new JsonPathError(`${JSON.stringify(item)} is no index`);
  }
  const [start = 0, end, step = 1] = parts.map((part) => (part === '' ? undefined : Number(part)));
  if (parts.length === 1) return { kind: 'index', start };
  if (step < 1) throw new JsonPathError('the step of a slice is at least 1');
  return { kind: 'slice', start, end, step };
}

function take<T>(cursor: Cursor, length: number, value: T): T {
  cursor.rest = cursor.rest.slice(length);
  return value;
}

function unexpected(text: string): JsonPathError {
  return new JsonPathError(`${JSON.stringify(text)} is not understood`);
}
