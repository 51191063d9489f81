import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { foreignOrigin, type Gate, refused } from './gate.ts';
import type { ConsoleSource } from './source.ts';

/** 256 bits, in 43 characters of base64url. */
const SECRET_BYTES = 32;

export interface LocalGate extends Gate {
  /** Returns the address to open. It works once. */
  url(): string;
}

/**
 * Admits the person who started the server. The URL has a token that works once and becomes a cookie. Every account of the
 * machine reaches 127.0.0.1, and every page in the browser can send requests there, so each call needs that cookie, and a
 * Host and an Origin that are the server's own (DNS rebinding).
 */
export function createLocalGate(port: number, source: ConsoleSource): LocalGate {
  const cookieName = `rock-mac-${String(port)}`; // browsers share cookies between ports
  const session = randomBytes(SECRET_BYTES).toString('base64url');
  const hosts = [`127.0.0.1:${String(port)}`, `localhost:${String(port)}`];
  const origins = hosts.map((host) => `http://${host}`);
  let token: string | undefined;
  return {
    url: () => {
      token = randomBytes(SECRET_BYTES).toString('base64url');
      return `http://${hosts[0] ?? ''}/?token=${token}`;
    },
    enter: (target) => {
      const given = target.searchParams.get('token');
      if (given === null || token === undefined || !areEqual(given, token)) return {};
      token = undefined;
      return { 'Set-Cookie': `${cookieName}=${session}; Path=/; HttpOnly; SameSite=Strict` };
    },
    admit: (request) => {
      const cookie = readCookie(request, cookieName);
      if (cookie !== undefined && areEqual(cookie, session)) return Promise.resolve({ ok: true, source });
      const message = 'This browser has no session. Each link works once: run the command again, and open its link.';
      return Promise.resolve(refused(401, message));
    },
    refuseOrigin: (request) => {
      if (!hosts.includes(request.headers.host ?? '')) return 'The Host of the request is not this server.';
      const site = request.headers['sec-fetch-site'];
      const isPage = request.headers['sec-fetch-mode'] === 'navigate';
      if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isPage) {
        return 'The request comes from another site.';
      }
      return foreignOrigin(request, origins);
    },
  };
}

function readCookie({ headers }: IncomingMessage, name: string): string | undefined {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Compares two secrets without showing by its time how much of them is equal. */
export function areEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
