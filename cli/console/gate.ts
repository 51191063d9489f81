import type { IncomingMessage } from 'node:http';
import type { ConsoleSource } from './source.ts';

/** Whether a call may proceed, and whose rights it has. */
export type Admission =
  | { readonly ok: true; readonly source: ConsoleSource }
  | { readonly ok: false; readonly status: 401 | 403; readonly message: string };

/** What the browser must send with each call: one part that only the page can read, and one that no page can. */
export interface Session {
  readonly secret: string;
  /** The value of the header `Set-Cookie`. */
  readonly cookie: string;
}

/** Decides who may call. There is one for a person on the same machine, and one for a proxy that knows its users. */
export interface Gate {
  /** Begins the session of the person who has the token of the link. `undefined`: it is no token, or it was used before. */
  begin(token: string): Session | undefined;
  /** Returns whether a call of the API may proceed. Static files need no admission: they are the same for everybody. */
  admit(request: IncomingMessage, path: string): Promise<Admission>;
  /** Returns why the request did not come from the page, such as a foreign Host. It holds for static files too. */
  refuseOrigin(request: IncomingMessage): string | undefined;
}

export function refused(status: 401 | 403, message: string): Admission {
  return { ok: false, status, message };
}

/**
 * Returns why a request comes from another site: browsers send `Origin` with every POST, and `Sec-Fetch-Site` with every
 * request. A typed address and a program other than a browser have neither.
 */
export function foreignOrigin(
  { headers }: Pick<IncomingMessage, 'headers'>,
  origins: readonly string[],
): string | undefined {
  const { origin } = headers;
  if (origin !== undefined && !origins.includes(origin)) return 'The request comes from another site.';
  return undefined;
}
