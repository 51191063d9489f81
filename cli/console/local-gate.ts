import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { foreignOrigin, type Gate, refused } from './gate.ts';
import type { ConsoleSource } from './source.ts';

/** 256 bits, in 43 characters of base64url. */
const SECRET_BYTES = 32;

/** The header in which the page sends its secret. */
export const SESSION_HEADER = 'x-rock-mac';

export interface LocalGate extends Gate {
  /** Returns the address to open. It works once. */
  url(): string;
}

/**
 * Admits the person who started the server. The fragment of the URL has a token, which no browser sends to a server. The page
 * exchanges it once for a secret and a cookie, and each call needs both (ADR 0026): every account of the machine reaches
 * 127.0.0.1, and every page in the browser can send requests there. The Host and the Origin must be the server's own, against
 * foreign names that lead here (DNS rebinding). `localhost` is refused too: it may lead to `::1`, where another account can
 * listen.
 */
export function createLocalGate(port: number, source: ConsoleSource): LocalGate {
  const cookieName = `rock-mac-${String(port)}`; // browsers share cookies between ports
  const [cookieValue, secret] = [newSecret(), newSecret()];
  const host = `127.0.0.1:${String(port)}`;
  const origin = `http://${host}`;
  let token: string | undefined;
  return {
    url: () => {
      token = newSecret();
      return `${origin}/#token=${token}`;
    },
    begin: (given) => {
      if (token === undefined || !areEqual(given, token)) return undefined;
      token = undefined;
      return { secret, cookie: `${cookieName}=${cookieValue}; Path=/; HttpOnly; SameSite=Strict` };
    },
    admit: (request) => {
      const isOwn =
        areEqual(readCookie(request, cookieName), cookieValue) &&
        areEqual(request.headers[SESSION_HEADER]?.toString() ?? '', secret);
      if (isOwn) return Promise.resolve({ ok: true, source });
      const message =
        'This browser has no session. Each link works once, in one browser: run the command again, and open its link.';
      return Promise.resolve(refused(401, message));
    },
    refuseOrigin: (request) => {
      if (request.headers.host !== host) return `The Host of the request is not this server. Its address is ${origin}.`;
      const site = request.headers['sec-fetch-site'];
      const isPage = request.headers['sec-fetch-mode'] === 'navigate';
      if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isPage) {
        return 'The request comes from another site.';
      }
      return foreignOrigin(request, [origin]);
    },
  };
}

function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

function readCookie({ headers }: IncomingMessage, name: string): string {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}

/** Compares two secrets without showing by its time how much of them is equal. */
export function areEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
