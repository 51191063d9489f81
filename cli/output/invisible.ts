/**
 * Characters that nobody sees, that turn the direction of a line, or that a terminal obeys. A name with them can look like
 * another name, or hide a part of the output.
 */
export const INVISIBLE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Replaces such characters by what `escape` returns for their code points. */
export function escapeInvisible(text: string, escape: (code: number) => string): string {
  return text.replaceAll(INVISIBLE, (character) => escape(character.codePointAt(0) ?? 0));
}

/** Returns JSON in which such characters are escaped. Its value is the same. */
export function escapeJson(json: string): string {
  return json.replaceAll(INVISIBLE, (character) =>
    // JSON escapes UTF-16 units.
    Array.from({ length: character.length }, (_, unit) => {
      return `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}
