import { describe, expect, test } from 'vitest';
import { createAuthenticationFilter } from './authentication-filter.ts';

interface Cluster {
  readonly tokens: Record<string, string>;
  readonly readers: string[];
  away: boolean;
  asked: number;
}

/** Creates a filter without a network; only some of its users may read. */
function aGate(cluster: Cluster) {
  let time = 0;
  const client = {
    raw: (_method: string, path: string, body?: unknown) => {
      cluster.asked++;
      if (cluster.away) return Promise.reject(new Error('away'));
      const { spec } = body as { spec: { token?: string; user?: string } };
      if (path.endsWith('tokenreviews')) {
        const username = cluster.tokens[spec.token ?? ''];
        return Promise.resolve({ status: { authenticated: username !== undefined, user: { username } } });
      }
      return Promise.resolve({ status: { allowed: cluster.readers.includes(spec.user ?? '') } });
    },
  };
  const gate = createAuthenticationFilter({
    client,
    access: { verb: 'get', path: '/metrics' },
    clock: { now: () => time },
  });
  return {
    authenticate: (token: string) => gate.authenticate(token),
    wait: (ms: number) => {
      time += ms;
    },
  };
}

function aCluster(): Cluster {
  return { tokens: { good: 'scraper', other: 'somebody' }, readers: ['scraper'], away: false, asked: 0 };
}

describe('the authentication filter of the metrics', () => {
  test.each([
    ['good', 'allowed'],
    ['other', 'forbidden'],
    ['made-up', 'unauthenticated'],
  ] as const)('says of the token %s: %s', async (token, answer) => {
    expect(await aGate(aCluster()).authenticate(token)).toBe(answer);
  });

  test('reviews a token once for concurrent requests and reuses the result for a while', async () => {
    const cluster = aCluster();
    const gate = aGate(cluster);
    expect(await Promise.all(Array.from({ length: 20 }, () => gate.authenticate('good')))).toEqual(
      Array.from({ length: 20 }, () => 'allowed'),
    );
    await gate.authenticate('good');
    expect(cluster.asked).toBe(2);
    gate.wait(11_000);
    cluster.readers.pop();
    expect(await gate.authenticate('good')).toBe('forbidden');
  });

  test('allows only previously allowed tokens while the API server is unavailable, for some minutes', async () => {
    const cluster = aCluster();
    const gate = aGate(cluster);
    await gate.authenticate('good');
    await gate.authenticate('other');
    cluster.away = true;
    gate.wait(60_000);
    expect(await gate.authenticate('good')).toBe('allowed');
    expect(await gate.authenticate('other')).toBe('unknown');
    expect(await gate.authenticate('new')).toBe('unknown');
    gate.wait(600_000);
    expect(await gate.authenticate('good')).toBe('unknown');
  });

  test('limits concurrent reviews', async () => {
    const cluster = aCluster();
    const gate = aGate(cluster);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => gate.authenticate(`made-up-${String(index)}`)),
    );
    expect(answers.filter((answer) => answer === 'unknown')).toHaveLength(42);
    expect(cluster.asked).toBe(8);
  });
});
