import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import { createWorkQueue } from './work-queue.ts';

/** A queue whose work ends when the test ends it. */
function makeQueue(concurrency = 1) {
  const clock = createManualClock();
  const queue = createWorkQueue({ name: 'test', concurrency, clock });
  const begun: string[] = [];
  const running = new Map<string, () => void>();
  const start = (): void => {
    queue.start((key) => {
      if (running.has(key)) throw new Error(`${key} is in work twice`);
      begun.push(key);
      const { promise, resolve } = Promise.withResolvers<undefined>();
      running.set(key, () => {
        running.delete(key);
        resolve(undefined);
      });
      return promise.then(() => undefined);
    });
  };
  const end = async (key: string): Promise<void> => {
    running.get(key)?.();
    await clock.advance(0);
  };
  return { clock, queue, begun, running, start, end };
}

describe('a work queue', () => {
  test('hands out a key once, however often it was added before', async () => {
    const { queue, begun, start, end } = makeQueue();
    queue.add('a');
    queue.add('a');
    start();
    await end('a');
    expect(begun).toEqual(['a']);
  });

  test('hands out a key once more if it was added while in work', async () => {
    const { queue, begun, start, end } = makeQueue(5);
    start();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(begun).toEqual(['a']);
    await end('a');
    expect(begun).toEqual(['a', 'a']);
    await end('a');
    expect(begun).toEqual(['a', 'a']);
  });

  test('works on at most `concurrency` keys at a time, in order', async () => {
    const { queue, begun, running, start, end } = makeQueue(2);
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    start();
    expect([...running.keys()]).toEqual(['a', 'b']);
    expect(queue.depth).toBe(2);
    await end('b');
    expect([...running.keys()]).toEqual(['a', 'c']);
    await end('a');
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
  });

  test('delays a key, and the earliest of several delays wins', async () => {
    const { clock, queue, begun, start, end } = makeQueue();
    start();
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 500);
    queue.addAfter('a', 2_000);
    expect(queue.delayed).toBe(1);
    await clock.advance(499);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(begun).toEqual(['a']);
    await end('a');
    await clock.advance(10_000);
    expect(begun).toEqual(['a']);
  });

  test('stops when the work in progress has ended and drops the rest', async () => {
    const { clock, queue, begun, start, end } = makeQueue();
    start();
    for (const key of ['a', 'b']) queue.add(key);
    queue.addAfter('c', 10);
    queue.add('a');
    let stopped = false;
    const stopping = queue.stop().then(() => {
      stopped = true;
    });
    queue.add('d');
    queue.addAfter('e', 10);
    await clock.advance(1_000);
    expect(stopped).toBe(false);
    await end('a');
    await stopping;
    expect(begun).toEqual(['a']);
    expect(clock.waiting).toBe(0);
  });

  test('stops at once when no key is in work', async () => {
    await makeQueue().queue.stop();
  });

  test('never works on a key twice at a time and loses none, in any order of additions', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key }),
      fc.record({ do: fc.constant('addAfter' as const), key, ms: fc.nat(50) }),
      fc.record({ do: fc.constant('end' as const), key }),
      fc.record({ do: fc.constant('advance' as const), ms: fc.nat(50) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, concurrency) => {
          const { clock, queue, begun, running, start, end } = makeQueue(concurrency);
          start();
          const owed = new Set<string>();
          const settle = (): void => {
            expect(running.size).toBeLessThanOrEqual(concurrency);
            for (const started of begun.splice(0)) owed.delete(started);
          };
          for (const next of steps) {
            if (next.do === 'end') await end(next.key);
            else if (next.do === 'advance') await clock.advance(next.ms);
            else {
              // Work that begins from here on counts for this call; work that began before does not.
              settle();
              owed.add(next.key);
              if (next.do === 'add') queue.add(next.key);
              else queue.addAfter(next.key, next.ms);
            }
            settle();
          }
          await clock.advance(1_000);
          for (let turn = 0; turn < 20 && running.size > 0; turn++)
            for (const started of [...running.keys()]) await end(started);
          settle();
          expect([...owed]).toEqual([]);
          expect(running.size).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
