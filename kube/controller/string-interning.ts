/** Returns an equal string that is already in memory, or the same string. */
export type InternString = (text: string) => string;

/**
 * Creates a function that keeps one copy of equal strings, such as a namespace or kind that occurs in thousands of objects.
 * A full table is cleared, so it only holds strings that keep coming.
 */
export function createStringInterner(size = 1_000): InternString {
  const known = new Map<string, string>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    if (known.size >= size) known.clear();
    known.set(text, text);
    return text;
  };
}
