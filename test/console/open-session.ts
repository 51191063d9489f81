import type { SessionView } from '../../api/console.ts';

/** The headers of a session, which each call needs. */
export interface SessionHeaders {
  readonly Cookie: string;
  readonly 'X-Rock-Mac': string;
}

/** Exchanges the token of a link, as the page does. Throws if the link was used before. */
export async function openSession(url: string): Promise<SessionHeaders> {
  const { origin, hash } = new URL(url.trim());
  const body = JSON.stringify({ token: hash.replace('#token=', '') });
  const response = await fetch(`${origin}/api/session`, { method: 'POST', body });
  if (!response.ok) throw new Error(`no session: ${await response.text()}`);
  const { secret } = (await response.json()) as SessionView;
  return { Cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? '', 'X-Rock-Mac': secret };
}
