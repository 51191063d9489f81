import { describe, expect, test } from 'vitest';
import { KubeConnectionError, KubeDecodeError, KubeError } from './errors.ts';
import { DEFAULT_RETRY_POLICY, retryDelayMs } from './retry.ts';

const half = (): number => 0.5;
const answer = (status: number, retryAfterSeconds?: number): KubeError =>
  new KubeError({ status, message: 'no', retryAfterSeconds });
const connection = (sent: boolean): KubeConnectionError => new KubeConnectionError('gone', { code: 'X', sent });

function delay(error: unknown, repeatable: boolean, attempt = 0): number | undefined {
  return retryDelayMs({ error, attempt, repeatable }, DEFAULT_RETRY_POLICY, half);
}

describe('a read', () => {
  test.each([
    ['a connection that broke', connection(true)],
    ['a connection that was refused', connection(false)],
    ['429', answer(429)],
    ['500', answer(500)],
    ['503', answer(503)],
    ['504', answer(504)],
  ])('is retried after %s', (_case, error) => {
    expect(delay(error, true)).toBe(100);
  });

  test.each([
    ['404', answer(404)],
    ['403', answer(403)],
    ['409', answer(409)],
    ['410', answer(410)],
    ['a response that does not match the schema', new KubeDecodeError('odd')],
    ['a bug', new TypeError('undefined')],
  ])('is not retried after %s', (_case, error) => {
    expect(delay(error, true)).toBeUndefined();
  });
});

describe('a write', () => {
  test.each([
    ['it was never sent', connection(false), 100],
    ['the server deferred it with 429', answer(429, 2), 2_100],
    ['the server deferred it with 503', answer(503, 1), 1_100],
  ])('is retried when %s', (_case, error, wait) => {
    expect(delay(error, false)).toBe(wait);
  });

  test.each([
    ['the connection broke after it was sent', connection(true)],
    ['the server failed', answer(500)],
    ['the server failed and sent Retry-After', answer(500, 1)],
    ['a gateway timed out', answer(504, 1)],
    ['a 503 has no Retry-After', answer(503)],
  ])('is never retried when %s, because it may have been executed', (_case, error) => {
    expect(delay(error, false)).toBeUndefined();
  });
});

describe('the wait', () => {
  test('grows with each attempt, in addition to the requested delay', () => {
    expect([0, 1, 2, 3].map((attempt) => delay(answer(503, 1), true, attempt))).toEqual([1_100, 1_200, 1_400, 1_800]);
  });

  test('ends with the last attempt', () => {
    expect(delay(answer(503), true, DEFAULT_RETRY_POLICY.attempts - 1)).toBeUndefined();
  });

  test('is not used when the server requests a longer one', () => {
    expect(delay(answer(429, 31), true)).toBeUndefined();
    expect(delay(answer(429, 30), true)).toBe(30_100);
  });
});
