/**
 * Removes passwords from connection URLs anywhere in a text, so messages and logs can name the server:
 * `postgresql://app:secret@db:5432/rock` becomes `postgresql://app:***@db:5432/rock`. A password may contain `@`; it
 * ends at the last one before a space or a quote.
 */
export function redactUrls(text: string): string {
  return text
    .replaceAll(/(\bpostgres(?:ql)?:\/\/[^\s:/?#"']*):[^\s"']*@/gi, '$1:***@')
    .replaceAll(/([?&]password=)[^\s&"']*/gi, '$1***');
}
