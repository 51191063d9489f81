import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/doubles/manual-clock.ts';
import { sleep } from '../../time/sleep.ts';
import type { KubeClient } from '../client/client.ts';
import { namespaces } from '../client/core-resources.ts';
import { KubeConnectionError, KubeError } from '../client/errors.ts';
import type { List, ListOptions } from '../client/list.ts';
import { keyOf, type KubeObject } from '../client/objects.ts';
import type { WatchEvent, WatchOptions } from '../client/watch.ts';
import { createReflector, type ReflectorOptions } from './reflector.ts';

/* The decisions of a reflector, with a manual clock. Tests with the real API server are in test/integration. */

function object(name: string, resourceVersion: string, uid = name, labels: Record<string, string> = {}): KubeObject {
  return { metadata: { name, uid, resourceVersion, labels } };
}

const failure = (status: number): KubeError => new KubeError({ status, message: 'no' });
const bookmark = (resourceVersion: string): WatchEvent<KubeObject> => ({ type: 'BOOKMARK', resourceVersion });
const event = (type: 'ADDED' | 'MODIFIED' | 'DELETED', changed: KubeObject): WatchEvent<KubeObject> => ({
  type,
  object: changed,
});

/** One watch: it sends its events at once, then ends, throws, or stays open until its timeout. */
interface WatchScript {
  readonly events?: readonly WatchEvent<KubeObject>[];
  readonly then?: 'end' | Error;
}

type ListScript = readonly KubeObject[] | Error;

interface Scripts {
  /** The last one stays. */
  readonly lists: ListScript[];
  readonly watches: WatchScript[];
}

/** A scripted server. A list has the highest resourceVersion of its objects. */
function scriptedClient({ lists, watches }: Scripts, clock: ManualClock, calls: string[]) {
  const next = <T>(script: T[]): T | undefined => (script.length > 1 ? script.shift() : script[0]);
  const list = (_resource: unknown, options?: ListOptions<KubeObject>): Promise<List<KubeObject>> => {
    calls.push(`${clock.now()} list`);
    const answer = next<ListScript>(lists) ?? [];
    if (answer instanceof Error) return Promise.reject(answer);
    const items = answer.filter(options?.keep ?? (() => true));
    const resourceVersion = String(Math.max(1, ...answer.map(({ metadata }) => Number(metadata.resourceVersion))));
    return Promise.resolve({ items, resourceVersion });
  };
  async function* watch(_resource: unknown, options: WatchOptions, signal: AbortSignal) {
    calls.push(`${clock.now()} watch from ${options.resourceVersion ?? 'nothing'} for ${options.timeoutSeconds} s`);
    const script: WatchScript = watches.shift() ?? {};
    yield* script.events ?? [];
    if (script.then === undefined) await sleep(options.timeoutSeconds * 1000, clock, signal);
    else if (script.then !== 'end') throw script.then;
  }
  // The scripts contain only objects of the kind that is reflected here.
  return { list, watch } as Pick<KubeClient, 'list' | 'watch'>;
}

const TIMING = { watchSeconds: [300, 300], backoff: { baseMs: 1_000, maxMs: 8_000 }, resyncMs: Infinity } as const;

function reflect(scripts: Scripts, { timing, ...options }: Partial<ReflectorOptions<KubeObject>> = {}) {
  const clock = createManualClock();
  const calls: string[] = [];
  const changes: string[] = [];
  const restarts: string[] = [];
  const reflector = createReflector({
    client: scriptedClient(scripts, clock, calls),
    resource: namespaces,
    onChange: ({ type, object: changed, before }) => {
      const from = before === undefined ? '' : ` from ${before.metadata.resourceVersion}`;
      changes.push(`${type} ${keyOf(changed)} ${changed.metadata.uid}@${changed.metadata.resourceVersion}${from}`);
    },
    timing: { ...TIMING, ...timing },
    logger: pino({ level: 'silent' }),
    metrics: { restarted: ({ reason }) => restarts.push(reason) },
    clock,
    random: () => 1,
    ...options,
  });
  return { clock, calls, changes, restarts, reflector };
}

describe('a reflector that is to list again', () => {
  const spelled = (name: string, version: string, label: string) => {
    const { metadata } = object(name, version);
    return { metadata: { ...metadata, labels: { is: label } } };
  };

  test('does so at the next event, and reports an object that is parsed otherwise in the same version', async () => {
    const gate = Promise.withResolvers<undefined>();
    const client = {
      list: () => {
        const items = [spelled('a', '3', listed++ === 0 ? 'old' : 'new'), spelled('b', '3', 'same')];
        return Promise.resolve({ items, resourceVersion: '3' });
      },
      async *watch(_: unknown, __: WatchOptions, signal: AbortSignal) {
        await Promise.race([
          gate.promise,
          new Promise((resolve) => {
            signal.addEventListener('abort', resolve);
          }),
        ]);
        yield { type: 'BOOKMARK', resourceVersion: '4' };
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
      },
    } as unknown as Pick<KubeClient, 'list' | 'watch'>;
    let listed = 0;
    const { clock, changes, reflector } = reflect(
      { lists: [], watches: [] },
      { client, isSameCopy: (one, other) => one.metadata.labels?.['is'] === other.metadata.labels?.['is'] },
    );
    reflector.start();
    await reflector.hasSynced();
    reflector.listAgain();
    await clock.advance(0);
    expect(listed).toBe(1);
    gate.resolve(undefined);
    await clock.advance(0);
    expect(changes).toEqual(['added a a@3', 'added b b@3', 'updated a a@3 from 3']);
    expect(reflector.get('a')?.metadata.labels).toEqual({ is: 'new' });
    await reflector.stop();
  });
});

describe('a reflector', () => {
  test('lists, then watches from the version of the list', async () => {
    const { clock, calls, changes, reflector } = reflect({
      lists: [[object('a', '3'), object('b', '5')]],
      watches: [{ events: [event('ADDED', object('c', '6')), event('MODIFIED', object('a', '7'))] }],
    });
    reflector.start();
    await reflector.hasSynced();
    await clock.advance(0);
    expect(changes).toEqual(['added a a@3', 'added b b@5', 'added c c@6', 'updated a a@7 from 3']);
    expect(calls).toEqual(['0 list', '0 watch from 5 for 300 s']);
    expect(reflector.list().map(keyOf)).toEqual(['a', 'b', 'c']);
    await reflector.stop();
  });

  test('resumes with the next watch where the last one ended, without a list', async () => {
    const { clock, calls, reflector } = reflect({
      lists: [[object('a', '3')]],
      watches: [{ events: [event('MODIFIED', object('a', '7')), bookmark('20')], then: 'end' }],
    });
    reflector.start();
    await clock.advance(300_000);
    expect(calls).toEqual([
      '0 list',
      '0 watch from 3 for 300 s',
      '0 watch from 20 for 300 s',
      '300000 watch from 20 for 300 s',
    ]);
    await reflector.stop();
  });

  test('reports the last state of a deleted object', async () => {
    const { clock, changes, reflector } = reflect({
      lists: [[object('a', '3')]],
      watches: [{ events: [event('DELETED', object('a', '9')), event('DELETED', object('never-kept', '10'))] }],
    });
    reflector.start();
    await clock.advance(0);
    expect(changes).toEqual(['added a a@3', 'deleted a a@9 from 3']);
    expect(reflector.get('a')).toBeUndefined();
    await reflector.stop();
  });

  test('finds objects by its indexes', async () => {
    const { clock, reflector } = reflect(
      { lists: [[object('a', '1', 'x'), object('b', '2', 'y')]], watches: [] },
      { indexes: { uid: ({ metadata }) => [metadata.uid] } },
    );
    reflector.start();
    await clock.advance(0);
    expect(reflector.by('uid', 'y').map(keyOf)).toEqual(['b']);
    await reflector.stop();
  });

  test('reports an object that no longer passes the filter as deleted, and one that passes again as added', async () => {
    const wanted = { keep: 'yes' };
    const { clock, changes, reflector } = reflect(
      {
        lists: [[object('a', '1', 'a', wanted), object('b', '2')]],
        watches: [
          {
            events: [
              event('MODIFIED', object('a', '3')),
              event('MODIFIED', object('b', '4')),
              event('MODIFIED', object('a', '5', 'a', wanted)),
            ],
          },
        ],
      },
      { keep: ({ metadata }) => metadata.labels?.['keep'] === 'yes' },
    );
    reflector.start();
    await clock.advance(0);
    expect(changes).toEqual(['added a a@1', 'deleted a a@3 from 1', 'added a a@5']);
    await reflector.stop();
  });

  test('continues when a handler throws', async () => {
    const { clock, reflector } = reflect(
      { lists: [[object('a', '1'), object('b', '2')]], watches: [] },
      {
        onChange: () => {
          throw new Error('a bug');
        },
      },
    );
    reflector.start();
    await clock.advance(0);
    expect(reflector.list()).toHaveLength(2);
    await reflector.stop();
  });
});

describe('a reflector that was cut off', () => {
  test('lists again after a 410 and reports what was changed, added and deleted meanwhile', async () => {
    const { clock, calls, changes, restarts, reflector } = reflect({
      lists: [
        [object('same', '1'), object('changed', '2'), object('gone', '3'), object('again', '4', 'first')],
        [object('same', '1'), object('changed', '12'), object('again', '13', 'second'), object('new', '14')],
      ],
      watches: [{ then: failure(410) }],
    });
    reflector.start();
    await clock.advance(0);
    changes.length = 0;
    await clock.advance(1_000);
    expect(calls.slice(-2)).toEqual(['1000 list', '1000 watch from 14 for 300 s']);
    expect(changes).toEqual([
      'deleted gone gone@3 from 3',
      'updated changed changed@12 from 2',
      'deleted again first@4 from 4',
      'added again second@13',
      'added new new@14',
    ]);
    expect(restarts).toEqual(['gone']);
    await reflector.stop();
  });

  test('resumes where it was when only the connection broke', async () => {
    const { clock, calls, changes, restarts, reflector } = reflect({
      lists: [[object('a', '1')]],
      watches: [
        { then: new KubeConnectionError('reset', { code: 'ECONNRESET', sent: true }) },
        { events: [event('DELETED', object('a', '5'))] },
      ],
    });
    reflector.start();
    await clock.advance(1_000);
    expect(calls).toEqual(['0 list', '0 watch from 1 for 300 s', '1000 watch from 1 for 300 s']);
    expect(changes).toEqual(['added a a@1', 'deleted a a@5 from 1']);
    expect(restarts).toEqual(['ECONNRESET']);
    await reflector.stop();
  });

  test('keeps its objects while the server is unavailable', async () => {
    const { clock, changes, reflector } = reflect({
      lists: [[object('a', '1')], failure(503)],
      watches: [{ then: failure(410) }],
    });
    reflector.start();
    await clock.advance(600_000);
    expect(changes).toEqual(['added a a@1']);
    expect(reflector.get('a')).toBeDefined();
    await reflector.stop();
  });

  test('backs off more after each failure, and resets after an event', async () => {
    const refused = new KubeConnectionError('refused', { code: 'ECONNREFUSED', sent: false });
    const { clock, calls, reflector } = reflect({
      lists: [[object('a', '1')]],
      watches: [
        { then: refused },
        { then: refused },
        { then: refused },
        { then: refused },
        { then: refused },
        { events: [bookmark('2')], then: refused },
      ],
    });
    reflector.start();
    await clock.advance(60_000);
    const times = calls.filter((call) => call.includes('watch')).map((call) => Number(call.split(' ')[0]));
    expect(times).toEqual([0, 1_000, 3_000, 7_000, 15_000, 23_000, 24_000]);
    await reflector.stop();
  });

  test('treats a watch that ends at once as a failure, to avoid a flood of requests', async () => {
    const { clock, restarts, reflector } = reflect({
      lists: [[]],
      watches: Array.from({ length: 10 }, () => ({ then: 'end' as const })),
    });
    reflector.start();
    await clock.advance(15_000);
    expect(restarts).toEqual(['SHORT_WATCH', 'SHORT_WATCH', 'SHORT_WATCH', 'SHORT_WATCH', 'SHORT_WATCH']);
    await reflector.stop();
  });

  test('respects a requested delay up to a limit', async () => {
    const asking = (retryAfterSeconds: number): WatchScript => ({
      then: new KubeError({ status: 429, message: 'no', retryAfterSeconds }),
    });
    const { clock, calls, reflector } = reflect({ lists: [[object('a', '1')]], watches: [asking(5), asking(9_999)] });
    reflector.start();
    await clock.advance(100_000);
    const times = calls.filter((call) => call.includes('watch')).map((call) => Number(call.split(' ')[0]));
    expect(times).toEqual([0, 6_000, 68_000]);
    await reflector.stop();
  });

  test('lists again when the server keeps refusing its version, but not when it is overloaded', async () => {
    const many = (status: number): Scripts => ({
      lists: [[object('a', '1')]],
      watches: Array.from({ length: 4 }, () => ({ then: failure(status) })),
    });
    const future = reflect(many(504));
    future.reflector.start();
    await future.clock.advance(7_000);
    expect(future.calls.filter((call) => call.endsWith('list'))).toEqual(['0 list', '7000 list']);
    const overloaded = reflect(many(429));
    overloaded.reflector.start();
    await overloaded.clock.advance(20_000);
    expect(overloaded.calls.filter((call) => call.endsWith('list'))).toEqual(['0 list']);
    await future.reflector.stop();
    await overloaded.reflector.stop();
  });
});

describe('the resync of a reflector', () => {
  test('resyncs periodically, reports every object and repairs lost events', async () => {
    const { clock, calls, changes, reflector } = reflect(
      {
        lists: [
          [object('a', '1'), object('lost', '2')],
          [object('a', '1'), object('b', '9')],
        ],
        watches: [],
      },
      { timing: { resyncMs: 600_000 }, random: () => 0.5 },
    );
    reflector.start();
    await clock.advance(599_999);
    changes.length = 0;
    await clock.advance(1);
    expect(calls.filter((call) => call.endsWith('list'))).toEqual(['0 list', '600000 list']);
    expect(changes).toEqual(['deleted lost lost@2 from 2', 'added b b@9', 'resync a a@1']);
    await reflector.stop();
  });
});

describe('a kind that may be absent', () => {
  test('counts as synced when the server does not serve it, and is listed when it appears', async () => {
    const { clock, changes, reflector } = reflect(
      { lists: [failure(404), failure(404), [object('a', '5')]], watches: [] },
      { optional: true },
    );
    reflector.start();
    await clock.advance(0);
    await reflector.hasSynced();
    expect(reflector.list()).toEqual([]);
    await clock.advance(3_000);
    expect(changes).toEqual(['added a a@5']);
    await reflector.stop();
  });

  test('keeps its objects after a 404, because a starting server may not know its kinds yet', async () => {
    const { clock, changes, reflector } = reflect(
      { lists: [[object('a', '5')], failure(404), [object('b', '9')]], watches: [{ then: failure(404) }] },
      { optional: true },
    );
    reflector.start();
    await clock.advance(1_000);
    expect(reflector.list().map(keyOf)).toEqual(['a']);
    await clock.advance(2_000);
    expect(changes).toEqual(['added a a@5', 'deleted a a@5 from 5', 'added b b@9']);
    await reflector.stop();
  });

  test('does not count as synced when it is required', async () => {
    const { clock, reflector } = reflect({ lists: [failure(404), [object('a', '1')]], watches: [] });
    let synced = false;
    void reflector.hasSynced().then(() => (synced = true));
    reflector.start();
    await clock.advance(0);
    expect(synced).toBe(false);
    await clock.advance(1_000);
    expect(synced).toBe(true);
    await reflector.stop();
  });
});

describe('stopping a reflector', () => {
  test('ends a watch, and reports nothing afterwards', async () => {
    const { clock, calls, reflector } = reflect({ lists: [[object('a', '1')]], watches: [] });
    reflector.start();
    reflector.start();
    await clock.advance(0);
    await reflector.stop();
    await clock.advance(1_000_000);
    expect(calls).toEqual(['0 list', '0 watch from 1 for 300 s']);
    expect(clock.waiting).toBe(0);
    expect(reflector.get('a')).toBeDefined();
  });

  test('ends a wait for the next attempt', async () => {
    const { clock, calls, reflector } = reflect({ lists: [failure(503)], watches: [] });
    reflector.start();
    await clock.advance(10);
    const waiting = expect(reflector.hasSynced()).rejects.toThrow('stopped before it had synced');
    await reflector.stop();
    await clock.advance(1_000_000);
    expect(calls).toEqual(['0 list']);
    await waiting;
  });

  test('drops a list that arrives too late', async () => {
    const answer = Promise.withResolvers<List<KubeObject>>();
    const { watch } = scriptedClient({ lists: [], watches: [] }, createManualClock(), []);
    const client = { list: () => answer.promise, watch } as Pick<KubeClient, 'list' | 'watch'>;
    const { changes, reflector } = reflect({ lists: [], watches: [] }, { client });
    reflector.start();
    const stopping = reflector.stop();
    answer.resolve({ items: [object('a', '1')], resourceVersion: '1' });
    await stopping;
    expect(changes).toEqual([]);
  });
});
