import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { KubeClient } from '../client/client.ts';
import { systemClock, type CancelTimer, type Clock } from '../time/clock.ts';
import { events } from '../client/core-resources.ts';
import type { EventMetrics } from '../metrics.ts';
import { toMicroTime } from '../time/micro-time.ts';
import type { ObjectKey } from '../client/objects.ts';

/** The object that an Event is about. */
export interface EventTarget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectKey & { readonly uid: string };
}

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** Why: one word in CamelCase that a machine may look for. */
  readonly reason: string;
  /** What was done or tried: one word in CamelCase. */
  readonly action: string;
  /** For people; cut at 1,024 bytes. */
  readonly note: string;
}

/**
 * Writes Events. They are a courtesy to people: they are dropped when they cannot be delivered, nothing waits for
 * them, and no call throws. The same text about the same object is one Event with a count.
 */
export interface EventRecorder {
  record(target: EventTarget, text: EventText): void;
  /** Delivers what waits, for no longer than a few seconds, and takes nothing any more. */
  stop(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create' | 'patch'>;
  /** A qualified name, such as `mac.rock-os.io/operator`. */
  readonly controller: string;
  /** Which of its processes: the name of the pod. */
  readonly instance: string;
  readonly logger: Logger;
  readonly metrics?: EventMetrics | undefined;
  readonly clock?: Clock | undefined;
}

/** The numbers of client-go's recorder where it has them: https://pkg.go.dev/k8s.io/client-go/tools/events */
const limits = {
  /** Without a repetition for so long, the next one is an Event of its own. */
  seriesGapMs: 6 * 60_000,
  /** Counts are written this much later, all at once. */
  seriesDelayMs: 30_000,
  /** New Events about one object within `budgetMs`; an object that flaps must not fill etcd. */
  budget: 25,
  budgetMs: 5 * 60_000,
  /** Series and objects that are remembered; the oldest are forgotten. */
  memory: 2_000,
  /** Events that wait for their delivery. */
  waiting: 500,
  deliveryTimeoutMs: 5_000,
  stopMs: 3_000,
} as const;

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
const longestNoteBytes = 1024;

interface Series {
  readonly key: ObjectKey;
  count: number;
  lastAt: number;
  lastDate: Date;
  /** The count has grown since it was written. */
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
    if (deliveries.length >= limits.waiting) {
      metrics?.dropped?.({ reason: 'overflow' });
      return;
    }
    deliveries.push(delivery);
    delivering ??= deliverAll().finally(() => {
      delivering = undefined;
    });
  }

  /** One after the other: Events must not compete with the work that they tell about. */
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
    const budget = before === undefined || now - before.since >= limits.budgetMs ? { used: 0, since: now } : before;
    budget.used++;
    remember(budgets, uid, budget);
    return budget.used <= limits.budget;
  }

  function begin(id: string, target: EventTarget, text: EventText): void {
    if (!withinBudget(target.metadata.uid)) {
      metrics?.dropped?.({ reason: 'overflow' });
      return;
    }
    const { name, namespace, uid } = target.metadata;
    const date = clock.date();
    // An Event about a cluster-scoped object is kept in `default`.
    const key = { namespace: namespace ?? 'default', name: `${name.slice(0, 220)}.${randomBytes(8).toString('hex')}` };
    remember(series, id, { key, count: 1, lastAt: clock.now(), lastDate: date, dirty: false });
    const event = {
      metadata: key,
      eventTime: toMicroTime(date),
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
      regarding: { apiVersion: target.apiVersion, kind: target.kind, name, namespace, uid },
      ...text,
      note: cut(text.note),
    };
    deliver((signal) => client.create(events, event, { signal, timeoutMs: limits.deliveryTimeoutMs }));
  }

  function flush(): void {
    cancelFlush?.();
    cancelFlush = undefined;
    for (const each of series.values()) {
      if (!each.dirty) continue;
      each.dirty = false;
      const body = { series: { count: each.count, lastObservedTime: toMicroTime(each.lastDate) } };
      deliver((signal) =>
        client.patch(events, each.key, { type: 'merge', body }, { signal, timeoutMs: limits.deliveryTimeoutMs }),
      );
    }
  }

  return {
    record: (target, text) => {
      if (stopped) return;
      const id = JSON.stringify([target.metadata.uid, text.type, text.reason, text.action, text.note]);
      const known = series.get(id);
      if (known === undefined || clock.now() - known.lastAt >= limits.seriesGapMs) {
        begin(id, target, text);
        return;
      }
      Object.assign(known, { count: known.count + 1, lastAt: clock.now(), lastDate: clock.date(), dirty: true });
      remember(series, id, known);
      cancelFlush ??= clock.after(limits.seriesDelayMs, flush);
    },
    stop: async () => {
      stopped = true;
      flush();
      const cancel = clock.after(limits.stopMs, () => {
        stopping.abort();
      });
      await delivering;
      cancel();
    },
  };
}

/** Puts an entry last and forgets the first ones beyond the limit. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= limits.memory) break;
    map.delete(oldest);
  }
}

/** The server counts bytes, and refuses the whole Event for one too many. */
function cut(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= longestNoteBytes) return note;
  // A character that is cut in its middle becomes the replacement character, of up to three bytes.
  return bytes.subarray(0, longestNoteBytes - 3).toString();
}
