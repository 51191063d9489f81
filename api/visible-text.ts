import { z } from 'zod';

/*
 * Names that people see must look like what they are. A name with a direction mark shows as another name, one with a
 * zero-width space looks like its twin, and a terminal obeys control characters.
 */

/** Control, format (direction marks, zero-width) and separator characters. Go and JavaScript read the classes in the same way. */
const HIDDEN = String.raw`\p{Cc}\p{Cf}\p{Zl}\p{Zp}`;

/** Matches a text without such characters. */
const VISIBLE = new RegExp(`^[^${HIDDEN}]*$`, 'u');

/** The same for a rule in CEL, where a text doubles its backslashes. */
export const VISIBLE_IN_CEL = `'^[^${HIDDEN.replaceAll('\\', '\\\\')}]*$'`;

/** Returns whether people see every character of a text. */
export function isVisible(text: string): boolean {
  return text.isWellFormed() && VISIBLE.test(text);
}

/** Returns whether people see every character of all keys and texts in a JSON value. */
export function isVisibleJson(value: unknown): boolean {
  if (typeof value === 'string') return isVisible(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, inner]) => isVisible(key) && isVisibleJson(inner));
}

/** Returns the type of a name or a text in a custom resource. */
export function visibleText(description: string, max = 253) {
  return z.string().max(max).regex(VISIBLE).meta({ description });
}

/** A part of a text: characters that people see, or one that they do not. */
export interface TextPart {
  readonly text: string;
  readonly hidden: boolean;
}

/** Splits a text at the characters that nobody sees, each of which is named by its code point, such as `U+202E`. */
export function visibleParts(text: string): TextPart[] {
  return text
    .toWellFormed()
    .split(new RegExp(`([${HIDDEN}])`, 'u'))
    .flatMap((part, index): TextPart[] => {
      if (part === '') return [];
      if (index % 2 === 0) return [{ text: part, hidden: false }];
      const code = (part.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      return [{ text: `U+${code}`, hidden: true }];
    });
}
