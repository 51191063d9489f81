import type { CancelTimer, Clock } from '../time/clock.ts';
import type { QueueMetrics } from '../metrics.ts';

/**
 * Keys that want to be worked on. A key is in work at most once at a time; added again meanwhile, it comes once more
 * afterwards, however often it was added. That is the whole reason for a queue: handlers may call as they like,
 * and work on one object never races with itself.
 */
export interface WorkQueue {
  /** Due now. */
  add(key: string): void;
  /** Due in `ms` milliseconds; of several waits for one key the soonest counts. */
  addAfter(key: string, ms: number): void;
  /** Begins to hand out keys, at most `concurrency` at a time. `work` must not reject. */
  start(work: (key: string) => Promise<void>): void;
  /** Hands out nothing more and forgets what waits; resolves when what is in work has ended. */
  stop(): Promise<void>;
  /** Keys that are due and not in work. */
  readonly depth: number;
  readonly inWork: number;
  /** Keys that are put off. */
  readonly delayed: number;
}

export function createWorkQueue(options: {
  readonly name: string;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly metrics?: QueueMetrics | undefined;
}): WorkQueue {
  const { name, concurrency, clock, metrics } = options;
  /** Due keys in their order, with the time at which they became due. */
  const due = new Map<string, number>();
  const inWork = new Set<string>();
  /** Keys that were added while in work. */
  const again = new Map<string, number>();
  const delayed = new Map<string, { readonly at: number; readonly cancel: CancelTimer }>();
  const idle: (() => void)[] = [];
  let work: ((key: string) => Promise<void>) | undefined;
  let stopped = false;

  function add(key: string): void {
    if (stopped) return;
    const waiting = inWork.has(key) ? again : due;
    if (!waiting.has(key)) waiting.set(key, clock.now());
    handOut();
  }

  function handOut(): void {
    for (const [key, since] of due) {
      if (stopped || work === undefined || inWork.size >= concurrency) break;
      due.delete(key);
      inWork.add(key);
      metrics?.waited?.({ name, durationMs: clock.now() - since });
      void work(key).finally(() => {
        finish(key);
      });
    }
    metrics?.depth?.({ name, depth: due.size });
  }

  function finish(key: string): void {
    inWork.delete(key);
    const since = again.get(key);
    again.delete(key);
    if (since !== undefined && !stopped) due.set(key, since);
    handOut();
    if (stopped && inWork.size === 0) for (const resolve of idle.splice(0)) resolve();
  }

  return {
    add,
    addAfter: (key, ms) => {
      if (stopped) return;
      const at = clock.now() + ms;
      const before = delayed.get(key);
      if (before !== undefined && before.at <= at) return;
      before?.cancel();
      const cancel = clock.after(ms, () => {
        delayed.delete(key);
        add(key);
      });
      delayed.set(key, { at, cancel });
    },
    start: (callback) => {
      work = callback;
      handOut();
    },
    stop: async () => {
      stopped = true;
      due.clear();
      again.clear();
      for (const { cancel } of delayed.values()) cancel();
      delayed.clear();
      if (inWork.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
    get depth() {
      return due.size;
    },
    get inWork() {
      return inWork.size;
    },
    get delayed() {
      return delayed.size;
    },
  };
}
