import { describe, expect, test } from 'vitest';
import { createAuthenticationFilter } from './authentication-filter.ts';

interface Cluster {
  readonly tokens: Record<string, string>;
  readonly readers: string[];
  unavailable: boolean;
  knowsAudiences: boolean;
  requests: number;
}

/** Creates a filter without a network; only some of its users may read. */
function aFilter(cluster: Cluster, audience?: string) {
  let time = 0;
  const client = {
    raw: (_method: string, path: string, body?: unknown) => {
      cluster.requests++;
      if (cluster.unavailable) return Promise.reject(new Error('unavailable'));
      const { spec } = body as { spec: { token?: string; user?: string; audiences?: string[] } };
      if (path.endsWith('tokenreviews')) {
        const username = cluster.tokens[spec.token ?? ''];
        const audiences = cluster.knowsAudiences ? spec.audiences : [];
        return Promise.resolve({ status: { authenticated: username !== undefined, user: { username }, audiences } });
      }
      return Promise.resolve({ status: { allowed: cluster.readers.includes(spec.user ?? '') } });
    },
  };
  const filter = createAuthenticationFilter({
    client,
    access: { verb: 'get', path: '/metrics' },
    audience,
    clock: { now: () => time },
  });
  return {
    authenticate: (token: string) => filter.authenticate(token),
    wait: (ms: number) => {
      time += ms;
    },
  };
}

function aCluster(): Cluster {
  return {
    tokens: { good: 'scraper', other: 'somebody' },
    readers: ['scraper'],
    unavailable: false,
    knowsAudiences: true,
    requests: 0,
  };
}

describe('the authentication filter of the metrics', () => {
  test.each([
    ['good', 'allowed'],
    ['other', 'forbidden'],
    ['made-up', 'unauthenticated'],
  ] as const)('returns for the token %s: %s', async (token, outcome) => {
    expect(await aFilter(aCluster()).authenticate(token)).toBe(outcome);
  });

  test('allows no token if it requires an audience and the API server compares none', async () => {
    const cluster = aCluster();
    expect(await aFilter(cluster, 'rock-mac-metrics').authenticate('good')).toBe('allowed');
    cluster.knowsAudiences = false;
    expect(await aFilter(cluster, 'rock-mac-metrics').authenticate('good')).toBe('unauthenticated');
  });

  test('reviews a token once for concurrent requests and reuses the result for a while', async () => {
    const cluster = aCluster();
    const filter = aFilter(cluster);
    expect(await Promise.all(Array.from({ length: 20 }, () => filter.authenticate('good')))).toEqual(
      Array.from({ length: 20 }, () => 'allowed'),
    );
    await filter.authenticate('good');
    expect(cluster.requests).toBe(2);
    filter.wait(11_000);
    cluster.readers.pop();
    expect(await filter.authenticate('good')).toBe('forbidden');
  });

  test('allows only previously allowed tokens while the API server is unavailable, for some minutes', async () => {
    const cluster = aCluster();
    const filter = aFilter(cluster);
    await filter.authenticate('good');
    await filter.authenticate('other');
    cluster.unavailable = true;
    filter.wait(60_000);
    expect(await filter.authenticate('good')).toBe('allowed');
    expect(await filter.authenticate('other')).toBe('unknown');
    expect(await filter.authenticate('new')).toBe('unknown');
    filter.wait(600_000);
    expect(await filter.authenticate('good')).toBe('unknown');
  });

  test('limits concurrent reviews', async () => {
    const cluster = aCluster();
    const filter = aFilter(cluster);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => filter.authenticate(`made-up-${String(index)}`)),
    );
    expect(outcomes.filter((outcome) => outcome === 'unknown')).toHaveLength(42);
    expect(cluster.requests).toBe(8);
  });
});
