/**
 * Takes passwords out of connection URLs anywhere in a text, so that messages and logs can name the server:
 * `postgresql://app:secret@db:5432/rock` becomes `postgresql://app:***@db:5432/rock`.
 * The password may itself hold an `@`; everything up to the last one before a space or a quote belongs to it.
 */
export function redactUrls(text: string): string {
  return text
    .replaceAll(/(\bpostgres(?:ql)?:\/\/[^\s:/?#"']*):[^\s"']*@/gi, '$1:***@')
    .replaceAll(/([?&]password=)[^\s&"']*/gi, '$1***');
}
