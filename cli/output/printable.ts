/**
 * A text that came from somebody else, fit for a terminal and for a script that reads lines: a device may be called anything,
 * and must neither look like a second row nor move the cursor.
 */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
