import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { KubeClient } from '../client/client.ts';
import { events } from '../client/core-resources.ts';
import type { ObjectKey } from '../client/objects.ts';
import type { EventMetrics } from '../metrics.ts';
import { systemClock, type CancelTimer, type Clock } from '../time/clock.ts';
import { toMicroTime } from '../time/micro-time.ts';

/** The object that an Event refers to. */
export interface EventTarget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectKey & { readonly uid: string };
}

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** The machine-readable cause, one CamelCase word. */
  readonly reason: string;
  /** The action that was taken or failed, one CamelCase word. */
  readonly action: string;
  /** The text for people, truncated to 1,024 bytes. */
  readonly note: string;
}

/**
 * Writes Events. They are best effort: an undeliverable Event is dropped, nothing waits for it, and no call throws.
 * Repetitions of the same text about the same object become one Event with a count.
 */
export interface EventRecorder {
  record(target: EventTarget, text: EventText): void;
  /** Delivers the waiting Events for at most 3 s and accepts no more. */
  stop(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create' | 'patch'>;
  /** A qualified name, such as `mac.rock-os.io/operator`. */
  readonly controller: string;
  /** The process: the name of the pod. */
  readonly instance: string;
  readonly logger: Logger;
  readonly metrics?: EventMetrics | undefined;
  readonly clock?: Clock | undefined;
}

/** Limits, with the values of client-go's recorder where it has them: https://pkg.go.dev/k8s.io/client-go/tools/events */
const LIMITS = {
  /** After this time without a repetition, the next one becomes a new Event. */
  seriesGapMs: 6 * 60_000,
  /** Delay before the counts are written, all at once. */
  seriesDelayMs: 30_000,
  /** The maximum of new Events about one object within `budgetMs`, so that a flapping object cannot fill etcd. */
  budget: 25,
  budgetMs: 5 * 60_000,
  /** The maximum of series and of objects in memory; the oldest are evicted. */
  remembered: 2_000,
  /** The maximum of undelivered Events. */
  waiting: 500,
  deliveryTimeoutMs: 5_000,
  stopMs: 3_000,
} as const;

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
const MAX_NOTE_BYTES = 1024;

interface Series {
  readonly key: ObjectKey;
  count: number;
  lastAt: number;
  lastDate: Date;
  /** Whether the count has grown since the last write. */
  dirty: boolean;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, controller, instance, metrics, clock = systemClock } = options;
  const logger = options.logger.child({ recorder: controller });
  const series = new Map<string, Series>();
  const budgets = new Map<string, { used: number; readonly since: number }>();
  const deliveries: ((signal: AbortSignal) => Promise<unknown>)[] = [];
  const stopping = new AbortController();
  let delivering: Promise<void> | undefined;
  let cancelFlush: CancelTimer | undefined;
  let stopped = false;

  function deliver(delivery: (signal: AbortSignal) => Promise<unknown>): void {
    if (deliveries.length >= LIMITS.waiting) {
      metrics?.dropped?.({ reason: 'overflow' });
      return;
    }
    deliveries.push(delivery);
    delivering ??= deliverAll().finally(() => {
      delivering = undefined;
    });
  }

  /** Delivers one Event after the other, so that Events do not compete with the work that they report. */
  async function deliverAll(): Promise<void> {
    for (let next = deliveries.shift(); next !== undefined; next = deliveries.shift()) {
      try {
        await next(stopping.signal);
      } catch (error) {
        metrics?.dropped?.({ reason: 'refused' });
        logger.debug({ err: error }, 'an event was not delivered');
      }
    }
  }

  function withinBudget(uid: string): boolean {
    const now = clock.now();
    const before = budgets.get(uid);
    const budget = before === undefined || now - before.since >= LIMITS.budgetMs ? { used: 0, since: now } : before;
    budget.used++;
    remember(budgets, uid, budget);
    return budget.used <= LIMITS.budget;
  }

  function createEvent(id: string, target: EventTarget, text: EventText): void {
    if (!withinBudget(target.metadata.uid)) {
      metrics?.dropped?.({ reason: 'overflow' });
      return;
    }
    const { name, namespace, uid } = target.metadata;
    const date = clock.date();
    // Events about cluster-scoped objects go to `default`.
    const key = { namespace: namespace ?? 'default', name: `${name.slice(0, 220)}.${randomBytes(8).toString('hex')}` };
    remember(series, id, { key, count: 1, lastAt: clock.now(), lastDate: date, dirty: false });
    const event = {
      metadata: key,
      eventTime: toMicroTime(date),
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
      regarding: { apiVersion: target.apiVersion, kind: target.kind, name, namespace, uid },
      ...text,
      note: truncate(text.note),
    };
    deliver((signal) => client.create(events, event, { signal, timeoutMs: LIMITS.deliveryTimeoutMs }));
  }

  function flush(): void {
    cancelFlush?.();
    cancelFlush = undefined;
    for (const each of series.values()) {
      if (!each.dirty) continue;
      each.dirty = false;
      const body = { series: { count: each.count, lastObservedTime: toMicroTime(each.lastDate) } };
      deliver((signal) =>
        client.patch(events, each.key, { type: 'merge', body }, { signal, timeoutMs: LIMITS.deliveryTimeoutMs }),
      );
    }
  }

  return {
    record: (target, text) => {
      if (stopped) return;
      const id = JSON.stringify([target.metadata.uid, text.type, text.reason, text.action, text.note]);
      const known = series.get(id);
      if (known === undefined || clock.now() - known.lastAt >= LIMITS.seriesGapMs) {
        createEvent(id, target, text);
        return;
      }
      Object.assign(known, { count: known.count + 1, lastAt: clock.now(), lastDate: clock.date(), dirty: true });
      remember(series, id, known);
      cancelFlush ??= clock.after(LIMITS.seriesDelayMs, flush);
    },
    stop: async () => {
      stopped = true;
      flush();
      const cancel = clock.after(LIMITS.stopMs, () => {
        stopping.abort();
      });
      await delivering;
      cancel();
    },
  };
}

/** Moves an entry to the end and evicts the first ones beyond the limit. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= LIMITS.remembered) break;
    map.delete(oldest);
  }
}

/** Truncates a note to the limit in bytes, beyond which the server refuses the whole Event. */
function truncate(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= MAX_NOTE_BYTES) return note;
  // A character that is cut in half becomes the replacement character, which needs up to three bytes.
  return bytes.subarray(0, MAX_NOTE_BYTES - 3).toString();
}
