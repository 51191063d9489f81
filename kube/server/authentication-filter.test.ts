import { describe, expect, test } from 'vitest';
import { createTokenGate } from './authentication-filter.ts';

interface World {
  readonly tokens: Record<string, string>;
  readonly readers: string[];
  away: boolean;
  asked: number;
}

/** A gate before a world of users, some of whom may read. Nothing here goes over a wire. */
function aGate(world: World) {
  let time = 0;
  const client = {
    raw: (_method: string, path: string, body?: unknown) => {
      world.asked++;
      if (world.away) return Promise.reject(new Error('away'));
      const { spec } = body as { spec: { token?: string; user?: string } };
      if (path.endsWith('tokenreviews')) {
        const username = world.tokens[spec.token ?? ''];
        return Promise.resolve({ status: { authenticated: username !== undefined, user: { username } } });
      }
      return Promise.resolve({ status: { allowed: world.readers.includes(spec.user ?? '') } });
    },
  };
  const gate = createTokenGate({ client, access: { verb: 'get', path: '/metrics' }, clock: { now: () => time } });
  return {
    judge: (token: string) => gate.judge(token),
    wait: (ms: number) => {
      time += ms;
    },
  };
}

function aWorld(): World {
  return { tokens: { good: 'scraper', other: 'somebody' }, readers: ['scraper'], away: false, asked: 0 };
}

describe('the gate of the metrics', () => {
  test.each([
    ['good', 'allowed'],
    ['other', 'forbidden'],
    ['made-up', 'unauthenticated'],
  ] as const)('says of the token %s: %s', async (token, answer) => {
    expect(await aGate(aWorld()).judge(token)).toBe(answer);
  });

  test('asks once for a moment, and once for many who come together', async () => {
    const world = aWorld();
    const gate = aGate(world);
    expect(await Promise.all(Array.from({ length: 20 }, () => gate.judge('good')))).toEqual(
      Array.from({ length: 20 }, () => 'allowed'),
    );
    await gate.judge('good');
    expect(world.asked).toBe(2);
    gate.wait(11_000);
    world.readers.pop();
    expect(await gate.judge('good')).toBe('forbidden');
  });

  test('lets in who was let in before while the API server is away, for some minutes, and nobody else', async () => {
    const world = aWorld();
    const gate = aGate(world);
    await gate.judge('good');
    await gate.judge('other');
    world.away = true;
    gate.wait(60_000);
    expect(await gate.judge('good')).toBe('allowed');
    expect(await gate.judge('other')).toBe('unknown');
    expect(await gate.judge('new')).toBe('unknown');
    gate.wait(600_000);
    expect(await gate.judge('good')).toBe('unknown');
  });

  test('asks no more than a few questions at a time, whoever knocks', async () => {
    const world = aWorld();
    const gate = aGate(world);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => gate.judge(`made-up-${String(index)}`)));
    expect(answers.filter((answer) => answer === 'unknown')).toHaveLength(42);
    expect(world.asked).toBe(8);
  });
});
