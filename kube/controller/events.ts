import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { type CancelTimer, type Clock, systemClock } from '../../time/clock.ts';
import type { KubeClient } from '../client/client.ts';
import { events } from '../client/core-resources.ts';
import type { ObjectKey } from '../client/objects.ts';
import { createLru } from '../lru.ts';
import type { EventMetrics } from '../metrics.ts';
import { createEventDelivery } from './event-delivery.ts';
import { toMicroTime } from './timestamps.ts';

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
  const series = createLru<string, Series>(LIMITS.remembered);
  const isWithinBudget = createBudgets(clock);
  const delivery = createEventDelivery({ clock, logger, metrics });
  let cancelFlush: CancelTimer | undefined;
  let stopped = false;

  function startSeries(id: string, target: EventTarget, text: EventText): void {
    if (!isWithinBudget(target.metadata.uid)) {
      metrics?.dropped?.({ reason: 'overflow' });
      return;
    }
    const date = clock.date();
    const event = newEvent(target, text, { controller, instance, date });
    series.set(id, { key: event.metadata, count: 1, lastAt: clock.now(), lastDate: date, dirty: false });
    delivery.add((call) => client.create(events, event, call));
  }

  /** Writes the counts that have grown. */
  function flush(): void {
    cancelFlush?.();
    cancelFlush = undefined;
    for (const each of series.values()) {
      if (!each.dirty) continue;
      each.dirty = false;
      const body = { series: { count: each.count, lastObservedTime: toMicroTime(each.lastDate) } };
      delivery.add((call) => client.patch(events, each.key, { type: 'merge', body }, call));
    }
  }

  return {
    record: (target, text) => {
      if (stopped) return;
      const id = JSON.stringify([target.metadata.uid, text.type, text.reason, text.action, text.note]);
      const known = series.get(id);
      if (known === undefined || clock.now() - known.lastAt >= LIMITS.seriesGapMs) {
        startSeries(id, target, text);
        return;
      }
      Object.assign(known, { count: known.count + 1, lastAt: clock.now(), lastDate: clock.date(), dirty: true });
      cancelFlush ??= clock.after(LIMITS.seriesDelayMs, flush);
    },
    stop: async () => {
      stopped = true;
      flush();
      await delivery.stop();
    },
  };
}

/** Returns a function that counts a new Event about an object, and returns whether the object may have it. */
function createBudgets(clock: Clock): (uid: string) => boolean {
  const budgets = createLru<string, { used: number; readonly since: number }>(LIMITS.remembered);
  return (uid) => {
    const now = clock.now();
    const before = budgets.get(uid);
    const budget = before === undefined || now - before.since >= LIMITS.budgetMs ? { used: 0, since: now } : before;
    budget.used++;
    budgets.set(uid, budget);
    return budget.used <= LIMITS.budget;
  };
}

function newEvent(
  { apiVersion, kind, metadata: { name, namespace, uid } }: EventTarget,
  text: EventText,
  from: { readonly controller: string; readonly instance: string; readonly date: Date },
) {
  return {
    metadata: {
      // Events about cluster-scoped objects go to `default`.
      namespace: namespace ?? 'default',
      name: `${name.slice(0, 220)}.${randomBytes(8).toString('hex')}`,
    },
    eventTime: toMicroTime(from.date),
    reportingController: from.controller,
    reportingInstance: from.instance.slice(0, 128),
    regarding: { apiVersion, kind, name, namespace, uid },
    ...text,
    note: truncate(text.note),
  };
}

/** Truncates a note to the limit in bytes, beyond which the server refuses the whole Event. */
function truncate(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= MAX_NOTE_BYTES) return note;
  // A character that is cut in half becomes the replacement character, which needs up to three bytes.
  return bytes.subarray(0, MAX_NOTE_BYTES - 3).toString();
}
