import { expect, test } from 'vitest';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import { createLongPoll } from './long-poll.ts';

/** Returns a read that finds something from the given time of the clock on. */
function readerFrom(clock: { now(): number }, ms: number) {
  let reads = 0;
  const read = () => {
    reads++;
    return Promise.resolve(clock.now() >= ms);
  };
  return { read, reads: () => reads };
}

const found = (result: boolean) => result;
const limits = (seconds: number, signal = new AbortController().signal) => ({ seconds, signal });

test('a wait ends within a second after there is something', async () => {
  const clock = createManualClock();
  const poll = createLongPoll({ clock, signal: new AbortController().signal });
  const { read, reads } = readerFrom(clock, 2_500);
  const result = poll.until(read, found, limits(20));
  await clock.advance(3_000);
  expect(await result).toBe(true);
  expect(reads()).toBe(4);
  expect(clock.waiting).toBe(0);
});

test('a wait ends without a result when its seconds are over', async () => {
  const clock = createManualClock();
  const poll = createLongPoll({ clock, signal: new AbortController().signal });
  const result = poll.until(readerFrom(clock, 99_000).read, found, limits(5));
  await clock.advance(5_000);
  expect(await result).toBe(false);
});

test('nobody waits without seconds, behind 16 others, or while the server stops', async () => {
  const clock = createManualClock();
  const stopping = new AbortController();
  const poll = createLongPoll({ clock, signal: stopping.signal });
  const { read } = readerFrom(clock, 99_000);
  expect(await poll.until(read, found, limits(0))).toBe(false);
  const waiting = Array.from({ length: 16 }, () => poll.until(read, found, limits(20)));
  expect(await poll.until(read, found, limits(20))).toBe(false);
  stopping.abort();
  expect(await Promise.all(waiting)).toEqual(waiting.map(() => false));
  expect(await poll.until(read, found, limits(20))).toBe(false);
  expect(clock.waiting).toBe(0);
});

test('a read that fails ends its wait and lets the next one in', async () => {
  const clock = createManualClock();
  const poll = createLongPoll({ clock, signal: new AbortController().signal });
  const fail = () => Promise.reject(new Error('no ledger'));
  for (let n = 0; n < 20; n++) await expect(poll.until(fail, found, limits(20))).rejects.toThrow('no ledger');
  const { read, reads } = readerFrom(clock, 1_000);
  const result = poll.until(read, found, limits(20));
  await clock.advance(1_000);
  expect(await result).toBe(true);
  expect(reads()).toBe(2);
});

test('a wait ends when its client has gone, and reads no more', async () => {
  const clock = createManualClock();
  const poll = createLongPoll({ clock, signal: new AbortController().signal });
  const clients = Array.from({ length: 16 }, () => new AbortController());
  const { read, reads } = readerFrom(clock, 99_000);
  const waiting = clients.map(({ signal }) => poll.until(read, found, limits(20, signal)));
  await clock.advance(100);
  for (const client of clients) client.abort();
  await Promise.all(waiting);
  expect(reads()).toBe(16);
  expect(clock.waiting).toBe(0);
  const next = poll.until(readerFrom(clock, 1_000).read, found, limits(20));
  await clock.advance(1_000);
  expect(await next).toBe(true);
});
