import type { Logger } from 'pino';
import { backoffMs } from '../../time/backoff.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import type { KubeClient } from '../client/client.ts';
import { isGone, isNotFound, KubeConnectionError, KubeDecodeError, KubeError } from '../client/errors.ts';
import { keyOf, type KubeObject } from '../client/objects.ts';
import type { Selection } from '../client/query.ts';
import type { Resource } from '../client/resource.ts';
import type { WatchEvent } from '../client/watch.ts';
import type { ReflectorMetrics } from '../metrics.ts';
import { type Change, createObjectCache, type ObjectCache } from './object-cache.ts';
import type { IndexFunction } from './store.ts';

/** Keeps a local copy of the selected objects of one kind and reports their changes. */
export interface Reflector<T extends KubeObject> {
  /** Starts to list and watch, and continues through every failure until `stop`. A second call does nothing. */
  start(): void;
  /** Stops the watch. After it resolves, no change is reported; the copy stays readable. */
  stop(): Promise<void>;
  /** Resolves after the first complete list, or when an optional kind is known to be absent. Rejects on `stop`. */
  hasSynced(): Promise<void>;
  get(key: string): T | undefined;
  list(): T[];
  by(index: string, value: string): T[];
  /** Lists everything again, at the next sign of life of the watch: within a minute. For a parser that leaves out other parts than before. */
  listAgain(): void;
}

export interface ReflectorOptions<T extends KubeObject> extends Selection {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly resource: Resource<T>;
  /** Objects that do not pass are not stored. An object that no longer passes is reported as deleted. */
  readonly keep?: ((object: T) => boolean) | undefined;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>> | undefined;
  /** Returns whether two copies of one version of an object are the same. The default is that they are. */
  readonly isSameCopy?: ((cached: T, object: T) => boolean) | undefined;
  /** Called in order, one change at a time. It should only enqueue keys. Its errors are logged. */
  readonly onChange: (change: Change<T>) => void;
  /** The kind may be absent and appear later, so its absence is not an error. */
  readonly optional?: boolean | undefined;
  readonly timing?: Partial<ReflectorTiming> | undefined;
  readonly logger: Logger;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly metrics?: ReflectorMetrics | undefined;
}

export interface ReflectorTiming {
  /** The server ends each watch after a random time between these, so no connection is trusted for long. */
  readonly watchSeconds: readonly [min: number, max: number];
  /**
   * A watch without any data for this long counts as dead and is resumed. The server sends bookmarks about once a minute,
   * so two and a half minutes of silence do not come from a quiet kind.
   */
  readonly idleTimeoutMs: number;
  /**
   * How often everything is listed again and every object reported, in milliseconds. This repairs events that were lost for
   * an unknown reason.
   */
  readonly resyncMs: number;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
}

const DEFAULT_TIMING: ReflectorTiming = {
  watchSeconds: [240, 300],
  idleTimeoutMs: 150_000,
  resyncMs: 600_000,
  backoff: { baseMs: 500, maxMs: 30_000 },
};

/** A watch that ends sooner and without an event is a failure: resuming it at once would flood the server. */
const MIN_WATCH_MS = 1_000;

/** Limits the delay that an overloaded server can request. */
const MAX_RETRY_AFTER_SECONDS = 60;

/**
 * Creates a reflector: it lists, then watches, and lists again when the watch cannot be resumed. It follows client-go
 * (https://github.com/kubernetes/client-go/blob/master/tools/cache/reflector.go) and replaces client-node's informer,
 * which stops for good at the first error of a watch.
 */
export function createReflector<T extends KubeObject>(options: ReflectorOptions<T>): Reflector<T> {
  const { keep = () => true, onChange } = options;
  const logger = options.logger.child({ resource: options.resource.plural });
  const cache = createObjectCache<T>({
    indexes: options.indexes ?? {},
    keep,
    isSameCopy: options.isSameCopy,
    report: (change) => {
      try {
        onChange(change);
      } catch (error) {
        logger.error({ err: error, key: keyOf(change.object) }, 'a change handler threw');
      }
    },
  });
  const loop = new ListWatchLoop({ ...options, keep, logger }, cache);
  let running: Promise<void> | undefined;
  return {
    start: () => {
      running ??= loop.run();
    },
    stop: async () => {
      loop.abort();
      await running;
    },
    hasSynced: async () => {
      await loop.firstSync;
    },
    get: (key) => cache.get(key),
    list: () => cache.list(),
    by: (index, value) => cache.by(index, value),
    listAgain: () => {
      loop.listAgain();
    },
  };
}

interface LoopOptions<T extends KubeObject> extends ReflectorOptions<T> {
  readonly keep: (object: T) => boolean;
}

/** Lists and watches one kind until it is aborted, and writes what arrives into the cache. */
class ListWatchLoop<T extends KubeObject> {
  readonly firstSync: Promise<undefined>;
  readonly #options: LoopOptions<T>;
  readonly #cache: ObjectCache<T>;
  readonly #name: string;
  readonly #selection: Selection;
  readonly #timing: ReflectorTiming;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #controller = new AbortController();
  readonly #sync = Promise.withResolvers<undefined>();
  /** Whether the server knows the kind; undefined before the first response. */
  #present: boolean | undefined;
  /** Where the next watch resumes; undefined requires a list first. */
  #resourceVersion: string | undefined;
  #nextResync = Infinity;
  #mustList = false;
  /** Failures since the last success. */
  #failures = 0;

  constructor(options: LoopOptions<T>, cache: ObjectCache<T>) {
    const { namespace, labelSelector, fieldSelector } = options;
    this.#options = options;
    this.#cache = cache;
    this.#name = options.resource.plural;
    this.#selection = { namespace, labelSelector, fieldSelector };
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.firstSync = this.#sync.promise;
    // Nobody has to wait for the first sync, so its rejection must not count as unhandled.
    this.firstSync.catch(() => undefined);
  }

  abort(): void {
    this.#controller.abort();
    this.#sync.reject(new Error(`the reflector of ${this.#name} was stopped before it had synced`));
  }

  listAgain(): void {
    this.#mustList = true;
  }

  async run(): Promise<void> {
    while (!this.#isStopped()) {
      try {
        const isDue = this.#mustList || this.#clock.now() >= this.#nextResync;
        if (isDue || this.#resourceVersion === undefined) await this.#list();
        await this.#watch();
      } catch (error) {
        if (!this.#isStopped()) await this.#recover(error);
      }
    }
  }

  async #list(): Promise<void> {
    const { client, resource, keep } = this.#options;
    const { signal } = this.#controller;
    const resync = this.#clock.now() >= this.#nextResync;
    this.#mustList = false;
    const known = (object: T) => this.#cache.sameVersion(object);
    const list = await client.list(resource, { ...this.#selection, keep, known, signal });
    signal.throwIfAborted();
    this.#cache.replace(list.items, resync);
    this.#resourceVersion = list.resourceVersion;
    this.#nextResync = this.#clock.now() + this.#timing.resyncMs * (0.9 + 0.2 * this.#random());
    this.#reportSize();
    this.#markSynced(true);
  }

  async #watch(): Promise<void> {
    const { client, resource } = this.#options;
    const started = this.#clock.now();
    let events = 0;
    const watchOptions = {
      ...this.#selection,
      resourceVersion: this.#resourceVersion,
      timeoutSeconds: this.#watchSeconds(started),
      idleTimeoutMs: this.#timing.idleTimeoutMs,
    };
    for await (const event of client.watch(resource, watchOptions, this.#controller.signal)) {
      if (this.#isStopped()) return;
      events++;
      this.#failures = 0;
      this.#apply(event);
      if (this.#mustList) return;
    }
    if (events === 0 && this.#clock.now() - started < MIN_WATCH_MS) {
      throw new KubeConnectionError('the watch ended at once', { code: 'SHORT_WATCH', sent: true });
    }
    this.#failures = 0;
  }

  /** Returns a random watch time in whole seconds that ends no later than the next resync. */
  #watchSeconds(now: number): number {
    const [min, max] = this.#timing.watchSeconds;
    const untilResync = Math.max(1, (this.#nextResync - now) / 1000);
    return Math.ceil(Math.min(min + this.#random() * (max - min), untilResync));
  }

  #apply(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') {
      this.#resourceVersion = event.resourceVersion;
      return;
    }
    if (event.type === 'DELETED') this.#cache.remove(event.object);
    else this.#cache.put(event.object);
    this.#resourceVersion = event.object.metadata.resourceVersion;
    this.#reportSize();
  }

  async #recover(error: unknown): Promise<void> {
    const { optional, logger, metrics } = this.#options;
    const delayMs = retryAfterMs(error) + backoffMs(this.#failures, this.#timing.backoff, this.#random);
    metrics?.restarted?.({ resource: this.#name, reason: reasonOf(error) });
    if (mustListAgain(error, this.#failures)) this.#resourceVersion = undefined;
    if (isGone(error)) logger.info({ delayMs }, 'the watch cannot be resumed, listing again');
    else if (isNotFound(error) && optional === true) this.#markSynced(false);
    else this.#logFailure(error, delayMs);
    this.#failures++;
    await sleep(delayMs, this.#clock, this.#controller.signal);
  }

  #markSynced(isPresent: boolean): void {
    if (this.#present !== isPresent) {
      const message = isPresent ? 'listed and watching' : 'the kind is absent, waiting for it';
      this.#options.logger.info({ objects: this.#cache.size }, message);
    }
    this.#present = isPresent;
    this.#sync.resolve(undefined);
  }

  /** Logs the first of consecutive failures as a warning and the rest at debug level. */
  #logFailure(error: unknown, delayMs: number): void {
    const level = this.#failures === 0 ? 'warn' : 'debug';
    this.#options.logger[level](
      { err: error, failures: this.#failures, delayMs },
      'cannot list or watch, trying again',
    );
  }

  #reportSize(): void {
    this.#options.metrics?.stored?.({ resource: this.#name, objects: this.#cache.size });
  }

  /** A method, because the type checker does not see that a signal fires during an await. */
  #isStopped(): boolean {
    return this.#controller.signal.aborted;
  }
}

/**
 * Returns whether to list again instead of resuming the watch.
 *
 * A 410 is normal after a long pause: the server has dropped the events since. After a 404 the cached objects stay,
 * because a starting server may not know its kinds yet; the next list shows what was deleted. A repeated error may come
 * from the resourceVersion (one from the future, after etcd was restored). An overloaded server gets no extra list.
 */
function mustListAgain(error: unknown, failures: number): boolean {
  if (isGone(error) || isNotFound(error)) return true;
  return error instanceof KubeError && error.status !== 429 && error.status !== 503 && failures >= 2;
}

function retryAfterMs(error: unknown): number {
  const seconds = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) : 0;
  return Math.min(seconds, MAX_RETRY_AFTER_SECONDS) * 1000;
}

/** Returns a metric label with few possible values. */
function reasonOf(error: unknown): string {
  if (isGone(error)) return 'gone';
  if (error instanceof KubeError) return String(error.status);
  if (error instanceof KubeConnectionError) return error.code;
  return error instanceof KubeDecodeError ? 'decode' : 'other';
}
