/** Gives for a text an equal one that is in memory already, where it has one. */
export type InternString = (text: string) => string;

/**
 * Remembers the texts that it was shown, so that what stands in thousands of objects (a namespace, a kind, the name of a
 * network) is in memory once. It begins anew when it is full, and so never grows beyond what comes again and again.
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
