/** One warning of a response. The API server writes the code 299 and no agent: https://kubernetes.io/blog/2020/09/03/warnings/ */
const WARNING = /299 \S+ "(?<text>(?:[^"\\]|\\.)*)"/g;

/** Returns the texts of the header `Warning`, of which a response may have several. */
export function parseWarnings(header: string | readonly string[] | undefined): string[] {
  const headers = typeof header === 'string' ? [header] : (header ?? []);
  return headers.flatMap((each) =>
    [...each.matchAll(WARNING)].map(({ groups }) => (groups?.['text'] ?? '').replaceAll(/\\(.)/g, '$1')),
  );
}
