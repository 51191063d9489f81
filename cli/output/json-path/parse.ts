import { parsePath } from './parse-path.ts';
import { JsonPathError, type Part, type Template } from './template.ts';

/**
 * Parses a template: text, and actions in braces.
 *
 * @throws JsonPathError
 */
export function parseTemplate(text: string): Template {
  return parseParts(splitActions(text), false);
}

type Piece = { readonly text: string } | { readonly action: string };

/** Splits a template at the braces. A brace in quotes is text of its action. */
function splitActions(text: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  while (rest !== '') {
    const open = rest.indexOf('{');
    if (open !== 0) pieces.push({ text: open < 0 ? rest : rest.slice(0, open) });
    if (open < 0) break;
    const action = /^\{(?:\\.|[^{}"'\\]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')*\}/su.exec(rest.slice(open))?.[0];
    if (action === undefined) throw new JsonPathError(`${JSON.stringify(rest.slice(open, open + 20))} is not closed`);
    pieces.push({ action: action.slice(1, -1) });
    rest = rest.slice(open + action.length);
  }
  return pieces;
}

/** Removes the pieces from the list that belong to one template: all, or those up to the `end` of a range. */
function parseParts(pieces: Piece[], inRange: boolean): Template {
  const parts: Part[] = [];
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    if ('text' in piece) {
      parts.push({ kind: 'text', text: piece.text });
      continue;
    }
    const { action } = piece;
    if (action.trim() === 'end') {
      if (inRange) return parts;
      throw new JsonPathError('{end} has no {range}');
    }
    const range = /^\s*range(?![\p{L}\p{N}_])/u.exec(action);
    if (range === null) parts.push({ kind: 'path', path: parsePath(action) });
    else parts.push({ kind: 'range', path: parsePath(action.slice(range[0].length)), body: parseParts(pieces, true) });
  }
  return parts; // as in kubectl, the last range needs no end
}
