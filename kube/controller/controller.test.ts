import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import { type ControllerOptions, createController, type ReconcileResult } from './controller.ts';

type Outcome = ReconcileResult | Error;

/** A controller whose reconciles return the scripted results, then nothing. */
function makeController(answers: Outcome[] = [], options: Partial<ControllerOptions> = {}) {
  const clock = createManualClock();
  const runs: { key: string; at: number }[] = [];
  const outcomes: string[] = [];
  const controller = createController({
    name: 'test',
    concurrency: 1,
    reconcile: (key: string): Promise<ReconcileResult> => {
      runs.push({ key, at: clock.now() });
      const answer = answers.shift();
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    backoff: { baseMs: 100, maxMs: 1_000 },
    logger: pino({ level: 'silent' }),
    metrics: { reconciled: ({ outcome }) => outcomes.push(outcome) },
    clock,
    random: () => 1,
    ...options,
  });
  return { clock, controller, runs, outcomes };
}

describe('a controller', () => {
  test('reconciles keys that were enqueued before its start', async () => {
    const { clock, controller, runs } = makeController();
    controller.enqueue('a');
    await clock.advance(1_000);
    expect(runs).toEqual([]);
    controller.start();
    await clock.advance(0);
    expect(runs.map(({ key }) => key)).toEqual(['a']);
  });

  test('requeues a key when the reconcile requests it', async () => {
    const { clock, controller, runs, outcomes } = makeController([{ requeueAfterMs: 5_000 }, {}]);
    controller.start();
    controller.enqueue('a');
    await clock.advance(60_000);
    expect(runs.map(({ at }) => at)).toEqual([0, 5_000]);
    expect(outcomes).toEqual(['requeue', 'success']);
  });

  test('polls a key less and less often, and soon again after another result', async () => {
    const poll = { baseMs: 3_000, maxMs: 10_000 };
    const { clock, controller, runs, outcomes } = makeController([
      { poll },
      { poll },
      { poll },
      { poll },
      {},
      { poll },
    ]);
    controller.start();
    controller.enqueue('a');
    await clock.advance(60_000);
    expect(runs.map(({ at }) => at)).toEqual([0, 3_000, 9_000, 19_000, 29_000]);
    controller.enqueue('a');
    await clock.advance(60_000);
    expect(runs.slice(5).map(({ at }) => at)).toEqual([60_000, 63_000]);
    expect(outcomes.slice(-3)).toEqual(['success', 'requeue', 'success']);
  });

  test('spreads the polls of keys that began together, and polls none at once', async () => {
    const { clock, controller, runs } = makeController([{ poll: { baseMs: 3_000, maxMs: 10_000 } }], {
      random: () => 0,
    });
    controller.start();
    controller.enqueue('a');
    await clock.advance(60_000);
    expect(runs.map(({ at }) => at)).toEqual([0, 1_500]);
  });

  test('backs off more after each consecutive error, and resets after a success', async () => {
    const failure = new Error('not yet');
    const { clock, controller, runs, outcomes } = makeController([failure, failure, failure, undefined, failure]);
    controller.start();
    controller.enqueue('a');
    await clock.advance(10_000);
    controller.enqueue('a');
    await clock.advance(10_000);
    expect(runs.map(({ at }) => at)).toEqual([0, 100, 300, 700, 10_000, 10_100]);
    expect(outcomes).toEqual(['error', 'error', 'error', 'success', 'error', 'success']);
  });

  test('does not delay one key by the backoff of another', async () => {
    const { clock, controller, runs } = makeController([new Error('not yet')]);
    controller.start();
    controller.enqueue('a');
    controller.enqueue('b');
    await clock.advance(50);
    expect(runs).toEqual([
      { key: 'a', at: 0 },
      { key: 'b', at: 0 },
    ]);
  });

  test('accepts a reconcile that returns nothing', async () => {
    const seen: string[] = [];
    const reconcile = (key: string): Promise<void> => {
      seen.push(key);
      return Promise.resolve();
    };
    const { clock, controller, outcomes } = makeController([], { reconcile });
    controller.start();
    controller.enqueue('a');
    await clock.advance(0);
    expect(seen).toEqual(['a']);
    expect(outcomes).toEqual(['success']);
  });
});

describe('stopping a controller', () => {
  test('waits for running reconciles', async () => {
    const gate = Promise.withResolvers<undefined>();
    const { clock, controller } = makeController([], { reconcile: () => gate.promise });
    controller.start();
    controller.enqueue('a');
    const stopping = controller.stop();
    await clock.advance(1_000);
    gate.resolve(undefined);
    expect(await stopping).toBe(true);
    expect(clock.waiting).toBe(0);
  });

  test('aborts reconciles that run too long with their signal', async () => {
    let reason: unknown;
    const { clock, controller, outcomes } = makeController([], {
      graceMs: 5_000,
      reconcile: (_key: string, signal: AbortSignal) =>
        new Promise<void>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            reject(new Error('broken off'));
          });
        }),
    });
    controller.start();
    controller.enqueue('a');
    const stopping = controller.stop();
    await clock.advance(4_999);
    expect(reason).toBeUndefined();
    await clock.advance(1);
    expect(await stopping).toBe(true);
    expect(reason).toBeDefined();
    expect(outcomes).toEqual(['error']);
  });

  test('does not wait forever for a reconcile that ignores its signal', async () => {
    const { clock, controller } = makeController([], {
      graceMs: 5_000,
      reconcile: () => new Promise<void>(() => undefined),
    });
    controller.start();
    controller.enqueue('a');
    const stopping = controller.stop();
    await clock.advance(10_000);
    expect(await stopping).toBe(false);
  });
});
