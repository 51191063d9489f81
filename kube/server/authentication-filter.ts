import { createHash } from 'node:crypto';
import type { Clock } from '../../time/clock.ts';
import type { KubeClient } from '../client/client.ts';
import { type Access, reviewAccess, reviewToken } from '../client/reviews.ts';
import { createLru } from '../lru.ts';

/** The outcome for a bearer token; `unknown` when the API server could not review it. */
export type AuthenticationResult = 'allowed' | 'forbidden' | 'unauthenticated' | 'unknown';

export interface AuthenticationFilter {
  authenticate(token: string): Promise<AuthenticationResult>;
}

/** How long a result is reused. A revoked right still works for this long; a scrape each second costs no more reviews. */
const FRESH_MS = 10_000;

/** How long an allowed token stays allowed while the API server is unavailable: metrics matter most in an outage. */
const STALE_MS = 10 * 60_000;

/** Limits on cached results and on concurrent reviews, so that made-up tokens cannot exhaust us or the API server. */
const MAX_CACHED = 100;
const MAX_REVIEWS = 8;

const REVIEW = { timeoutMs: 3_000, attempts: 1 };

interface CachedResult {
  readonly result: AuthenticationResult;
  readonly at: number;
}

/**
 * Creates a filter that allows a token if its owner (TokenReview) has the access (SubjectAccessReview).
 *
 * @param options.audience the audience that a token must be issued for; undefined means the API server's own
 */
export function createAuthenticationFilter(options: {
  readonly client: Pick<KubeClient, 'raw'>;
  readonly access: Access;
  readonly audience: string | undefined;
  readonly clock: Pick<Clock, 'now'>;
}): AuthenticationFilter {
  const { client, access, audience, clock } = options;
  const tokenReview = { ...REVIEW, ...(audience !== undefined && { audiences: [audience] }) };
  /** By digest, so that no token stays in memory. */
  const cache = createLru<string, CachedResult>(MAX_CACHED);
  const running = new Map<string, Promise<AuthenticationResult>>();

  async function review(token: string): Promise<AuthenticationResult> {
    const owner = await reviewToken(client, token, tokenReview);
    if (owner === undefined) return 'unauthenticated';
    const { allowed } = await reviewAccess(client, owner, access, REVIEW);
    return allowed ? 'allowed' : 'forbidden';
  }

  async function reviewAndCache(
    token: string,
    digest: string,
    cached: CachedResult | undefined,
  ): Promise<AuthenticationResult> {
    try {
      const result = await review(token);
      cache.set(digest, { result, at: clock.now() });
      return result;
    } catch {
      const stillCounts = cached?.result === 'allowed' && clock.now() - cached.at < STALE_MS;
      return stillCounts ? 'allowed' : 'unknown';
    }
  }

  return {
    authenticate: async (token) => {
      const digest = createHash('sha256').update(token).digest('base64');
      const cached = cache.get(digest);
      if (cached !== undefined && clock.now() - cached.at < FRESH_MS) return cached.result;
      const shared = running.get(digest);
      if (shared !== undefined) return await shared;
      if (running.size >= MAX_REVIEWS) return 'unknown';
      const reviewing = reviewAndCache(token, digest, cached);
      running.set(digest, reviewing);
      try {
        return await reviewing;
      } finally {
        running.delete(digest);
      }
    },
  };
}
