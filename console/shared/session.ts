import type { SessionView } from '../../api/console.ts';

/** The browser keeps what is stored for one port away from pages of all others, unlike cookies (ADR 0026). */
const KEY = 'rock-mac-session';

/** Returns the header with the secret of this browser. Behind a proxy there is none. */
export function sessionHeaders(): Readonly<Record<string, string>> {
  const secret = localStorage.getItem(KEY);
  return secret === null ? {} : { 'X-Rock-Mac': secret };
}

/**
 * Exchanges the token of the link for the secret, and removes it from the address and from the history of the browser. A token
 * that was used before changes nothing: if there is no session either, the first call says what to do.
 */
export async function beginSession(): Promise<void> {
  const token = tokenOf(location.hash);
  if (token === undefined) return;
  history.replaceState(null, '', location.pathname);
  const headers = { 'Content-Type': 'application/json' };
  const body = JSON.stringify({ token });
  const response = await fetch('/api/session', { method: 'POST', headers, body }).catch(() => undefined);
  if (response?.ok !== true) return;
  const { secret } = (await response.json()) as SessionView;
  localStorage.setItem(KEY, secret);
}

/** Returns the token of a link. Servers never get what is after the `#`. */
export function tokenOf(hash: string): string | undefined {
  return /^#token=([\w-]+)$/.exec(hash)?.[1];
}
