import { createHash } from 'node:crypto';
import type { KubeClient } from '../client/client.ts';
import type { Clock } from '../time/clock.ts';
import { reviewAccess, reviewToken, type Access } from '../client/reviews.ts';

/** What the API server says of a bearer token; `unknown` where it could not be asked. */
export type AuthenticationResult = 'allowed' | 'forbidden' | 'unauthenticated' | 'unknown';

export interface AuthenticationFilter {
  authenticate(token: string): Promise<AuthenticationResult>;
}

/** A right that was taken away still counts for so long; a scraper that comes every second costs no more than this. */
const FRESH_MS = 10_000;

/** While the API server cannot be asked, who was let in before still is: an outage is when somebody looks. */
const REMEMBERED_MS = 10 * 60_000;

/** Tokens remembered, and questions at a time: whoever knocks with made-up tokens costs us and the API server no more. */
const MOST_KNOWN = 100;
const MOST_ASKED = 8;

const REVIEW = { timeoutMs: 3_000, attempts: 1 };

interface Known {
  readonly answer: AuthenticationResult;
  readonly at: number;
}

/** Lets in whose token the API server knows (TokenReview) and lets do something (SubjectAccessReview). */
export function createAuthenticationFilter(options: {
  readonly client: Pick<KubeClient, 'raw'>;
  readonly access: Access;
  readonly clock: Pick<Clock, 'now'>;
}): AuthenticationFilter {
  const { client, access, clock } = options;
  /** By digest, so that no token stays in memory. The oldest answer comes first. */
  const known = new Map<string, Known>();
  const asked = new Map<string, Promise<AuthenticationResult>>();

  async function ask(token: string): Promise<AuthenticationResult> {
    const owner = await reviewToken(client, token, REVIEW);
    if (owner === undefined) return 'unauthenticated';
    const { allowed } = await reviewAccess(client, owner, access, REVIEW);
    return allowed ? 'allowed' : 'forbidden';
  }

  async function askAndRemember(
    token: string,
    digest: string,
    before: Known | undefined,
  ): Promise<AuthenticationResult> {
    try {
      const answer = await ask(token);
      known.delete(digest);
      known.set(digest, { answer, at: clock.now() });
      const [oldest] = known.keys();
      if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
      return answer;
    } catch {
      const counts = before?.answer === 'allowed' && clock.now() - before.at < REMEMBERED_MS;
      return counts ? 'allowed' : 'unknown';
    }
  }

  return {
    authenticate: async (token) => {
      const digest = createHash('sha256').update(token).digest('base64');
      const before = known.get(digest);
      if (before !== undefined && clock.now() - before.at < FRESH_MS) return before.answer;
      const running = asked.get(digest);
      if (running !== undefined) return await running;
      if (asked.size >= MOST_ASKED) return 'unknown';
      const asking = askAndRemember(token, digest, before);
      asked.set(digest, asking);
      try {
        return await asking;
      } finally {
        asked.delete(digest);
      }
    },
  };
}
