import type { Logger } from 'pino';
import { backoffMs } from '../time/backoff.ts';
import type { KubeClient } from '../client/client.ts';
import type { Selection } from '../client/query.ts';
import type { WatchEvent } from '../client/watch.ts';
import { systemClock, type Clock } from '../time/clock.ts';
import { isGone, isNotFound, KubeConnectionError, KubeDecodeError, KubeError } from '../client/errors.ts';
import type { ReflectorMetrics } from '../metrics.ts';
import { keyOf, type KubeObject } from '../client/objects.ts';
import type { Resource } from '../client/resource.ts';
import { sleep } from '../time/sleep.ts';
import { createStore, type IndexFunction } from './store.ts';

/**
 * What happened to an object. `object` is the newest state that was seen, of a deleted one its last; `before` is what
 * was stored until now. `resync` repeats an object that did not change.
 */
export interface Change<T> {
  readonly type: 'added' | 'updated' | 'deleted' | 'resync';
  readonly object: T;
  readonly before?: T | undefined;
}

/** A local copy of all objects of one kind that are selected and kept, with news of what changes. */
export interface Reflector<T extends KubeObject> {
  /** Begins to list and watch, and goes on through every failure until `stop`. A second call does nothing. */
  start(): void;
  /** No change is reported after it has resolved. The copy stays readable. */
  stop(): Promise<void>;
  /** Resolves when the first whole list has arrived, or when an optional kind is known to be absent; rejects on `stop`. */
  hasSynced(): Promise<void>;
  readonly synced: boolean;
  /** Whether the server knows the kind; undefined until it was asked. While false, the copy is what was last known. */
  readonly present: boolean | undefined;
  get(key: string): T | undefined;
  list(): T[];
  by(index: string, value: string): T[];
}

export interface ReflectorOptions<T extends KubeObject> extends Selection {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly resource: Resource<T>;
  /** What does not pass is not stored; an object that passes no more is reported as deleted. */
  readonly keep?: ((object: T) => boolean) | undefined;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>> | undefined;
  /** Called in order, one at a time. It should only put keys into a queue; what it throws is logged and counted. */
  readonly onChange: (change: Change<T>) => void;
  /** The kind may be absent now and come later, so that its absence is no error. */
  readonly optional?: boolean | undefined;
  readonly pageSize?: number | undefined;
  /**
   * How often everything is listed again and every object reported, whatever the watch said, in milliseconds.
   * It heals what was lost on a way that nobody thought of. Default 10 minutes.
   */
  readonly resyncMs?: number | undefined;
  readonly timing?: Partial<ReflectorTiming> | undefined;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly metrics?: ReflectorMetrics | undefined;
}

export interface ReflectorTiming {
  /** The server ends each watch after a time between these, so that no connection is trusted for long. */
  readonly watchSeconds: readonly [min: number, max: number];
  /**
   * With nothing from the server for so long, the watch is taken for dead and begun again where it was. The server
   * sends bookmarks about once a minute, so that silence for two and a half is no longer a quiet kind.
   */
  readonly idleTimeoutMs: number;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
}

const defaultTiming: ReflectorTiming = {
  watchSeconds: [240, 300],
  idleTimeoutMs: 150_000,
  backoff: { baseMs: 500, maxMs: 30_000 },
};

/** A watch that the server ends sooner, without an event, is a failure: begun again at once it would be a storm. */
const shortestWatchMs = 1_000;

/**
 * List, then watch, then list again when the watch says that it lost the thread: client-go's reflector in its ideas
 * (https://github.com/kubernetes/client-go/blob/master/tools/cache/reflector.go), and in place of client-node's
 * informer, which stops for good at the first error of a watch.
 */
export function createReflector<T extends KubeObject>(options: ReflectorOptions<T>): Reflector<T> {
  const { client, resource, keep = () => true, resyncMs = 600_000, metrics } = options;
  const { clock = systemClock, random = Math.random } = options;
  const { namespace, labelSelector, fieldSelector } = options;
  const selection: Selection = { namespace, labelSelector, fieldSelector };
  const timing = { ...defaultTiming, ...options.timing };
  const name = resource.plural;
  const logger = options.logger.child({ resource: name });
  const store = createStore<T>(options.indexes ?? {});
  const controller = new AbortController();
  const { signal } = controller;
  const firstSync = Promise.withResolvers<undefined>();
  // Nobody has to wait for it.
  firstSync.promise.catch(() => undefined);

  let running: Promise<void> | undefined;
  let synced = false;
  let present: boolean | undefined;
  /** Where the watch goes on; undefined asks for a list first. */
  let resourceVersion: string | undefined;
  let nextResync = Infinity;
  /** Failures since the last sign of life. */
  let failures = 0;

  function report(change: Change<T>): void {
    try {
      options.onChange(change);
    } catch (error) {
      metrics?.handlerFailed?.({ resource: name });
      logger.error({ err: error, key: keyOf(change.object) }, 'a change handler threw');
    }
  }

  /** The newest state of one object, from a list or a watch. */
  function put(object: T): void {
    const before = store.get(keyOf(object));
    if (!keep(object)) {
      if (before !== undefined) drop(object, before);
      return;
    }
    if (before?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    // Deleted and made again under its name while we were away: two lives, and the first one has ended.
    const successor = before !== undefined && before.metadata.uid !== object.metadata.uid;
    if (successor) drop(before, before);
    store.set(object);
    report(before === undefined || successor ? { type: 'added', object } : { type: 'updated', object, before });
  }

  function drop(object: T, before: T): void {
    store.delete(keyOf(before));
    report({ type: 'deleted', object, before });
  }

  async function relist(): Promise<void> {
    const started = clock.now();
    const resync = started >= nextResync;
    const list = await client.list(resource, { ...selection, keep, known: stored, pageSize: options.pageSize, signal });
    signal.throwIfAborted();

    const listed = new Set(list.items.map(keyOf));
    for (const key of [...store.keys()]) {
      const before = store.get(key);
      if (before !== undefined && !listed.has(key)) drop(before, before);
    }
    const unchanged = list.items.filter((object) => stored(object) !== undefined);
    list.items.forEach(put);
    if (resync) for (const object of unchanged) report({ type: 'resync', object });

    resourceVersion = list.resourceVersion;
    nextResync = clock.now() + resyncMs * (0.9 + 0.2 * random());
    metrics?.listed?.({ resource: name, objects: list.items.length, durationMs: clock.now() - started });
    metrics?.stored?.({ resource: name, objects: store.size });
    arrived(true);
  }

  /** Our copy of just this state. A list that is read again beside the copy would else take its memory twice. */
  function stored(object: T): T | undefined {
    const copy = store.get(keyOf(object));
    return copy?.metadata.resourceVersion === object.metadata.resourceVersion ? copy : undefined;
  }

  function arrived(isPresent: boolean): void {
    if (present !== isPresent) {
      logger.info({ objects: store.size }, isPresent ? 'listed and watching' : 'the kind is absent, waiting for it');
    }
    present = isPresent;
    synced = true;
    firstSync.resolve(undefined);
  }

  async function watch(): Promise<void> {
    const [min, max] = timing.watchSeconds;
    const untilResync = Math.max(1, (nextResync - clock.now()) / 1000);
    const started = clock.now();
    let events = 0;
    const stream = client.watch(
      resource,
      {
        ...selection,
        resourceVersion,
        timeoutSeconds: Math.ceil(Math.min(min + random() * (max - min), untilResync)),
        idleTimeoutMs: timing.idleTimeoutMs,
      },
      signal,
    );
    for await (const event of stream) {
      if (stopped()) return;
      events++;
      failures = 0;
      apply(event);
      metrics?.event?.({ resource: name, type: event.type });
    }
    if (events === 0 && clock.now() - started < shortestWatchMs) {
      throw new KubeConnectionError('the watch ended at once', { code: 'SHORT_WATCH', sent: true });
    }
    failures = 0;
  }

  function apply(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') {
      resourceVersion = event.resourceVersion;
      return;
    }
    const { object } = event;
    const before = store.get(keyOf(object));
    if (event.type !== 'DELETED') put(object);
    else if (before !== undefined) drop(object, before);
    resourceVersion = object.metadata.resourceVersion;
    metrics?.stored?.({ resource: name, objects: store.size });
  }

  /** A function, since the signal fires while somebody waits, which the type checker does not see. */
  function stopped(): boolean {
    return signal.aborted;
  }

  async function run(): Promise<void> {
    while (!stopped()) {
      try {
        if (resourceVersion === undefined || clock.now() >= nextResync) await relist();
        await watch();
      } catch (error) {
        if (!stopped()) await recover(error);
      }
    }
  }

  async function recover(error: unknown): Promise<void> {
    const delayMs = askedDelayMs(error) + backoffMs(failures, timing.backoff, random);
    metrics?.restarted?.({ resource: name, reason: reasonOf(error) });
    if (positionIsDoubtful(error, failures)) resourceVersion = undefined;
    if (isGone(error)) logger.info({ delayMs }, 'the watch lost its thread, listing again');
    else if (isNotFound(error) && options.optional === true) arrived(false);
    else logFailure(error, delayMs);
    failures++;
    await sleep(delayMs, clock, signal);
  }

  /** The first of a row of failures is news, the rest is not. */
  function logFailure(error: unknown, delayMs: number): void {
    const level = failures === 0 ? 'warn' : 'debug';
    logger[level]({ err: error, failures, delayMs }, 'cannot list or watch, trying again');
  }

  return {
    start: () => {
      running ??= run();
    },
    stop: async () => {
      controller.abort();
      firstSync.reject(new Error(`the reflector of ${name} was stopped before it had synced`));
      await running;
    },
    hasSynced: async () => {
      await firstSync.promise;
    },
    get synced() {
      return synced;
    },
    get present() {
      return present;
    },
    get: (key) => store.get(key),
    list: () => store.list(),
    by: (index, value) => store.by(index, value),
  };
}

/**
 * Whether to list again instead of going on where the watch was.
 *
 * 410 is ordinary after a long pause: the server has forgotten what came since. After a 404 nothing is dropped from
 * the store, since a server that comes up may not know its kinds yet; the next list tells what is gone. An answer
 * that keeps coming may be about the position (one from the future, after etcd was restored from a backup);
 * but a server that is only overloaded is not asked for everything.
 */
function positionIsDoubtful(error: unknown, failures: number): boolean {
  if (isGone(error) || isNotFound(error)) return true;
  return error instanceof KubeError && error.status !== 429 && error.status !== 503 && failures >= 2;
}

/** How long an overloaded server wants to be left alone; a wish for more than a minute is not believed. */
function askedDelayMs(error: unknown): number {
  const seconds = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) : 0;
  return Math.min(seconds, 60) * 1000;
}

/** A label for metrics: few values, whatever happens. */
function reasonOf(error: unknown): string {
  if (isGone(error)) return 'gone';
  if (error instanceof KubeError) return String(error.status);
  if (error instanceof KubeConnectionError) return error.code;
  return error instanceof KubeDecodeError ? 'decode' : 'other';
}
