import type { CancelTimer, Clock } from '../../time/clock.ts';
import type { QueueMetrics } from '../metrics.ts';

/**
 * A queue of keys. A key is in work at most once at a time. Keys that are added while they are in work are handed out once
 * more afterwards, however often they were added. So event handlers may add keys freely, and the work on one object never
 * races with itself.
 */
export interface WorkQueue {
  /** Adds a key that is due now. */
  add(key: string): void;
  /** Adds a key that is due in `ms` milliseconds. The earliest delay of a key wins. */
  addAfter(key: string, ms: number): void;
  /** Starts to hand out keys, at most `concurrency` at a time. `work` must not reject. */
  start(work: (key: string) => Promise<void>): void;
  /** Drops all waiting keys; resolves when the work in progress has ended. */
  stop(): Promise<void>;
  /** The number of keys that are due and not in work. */
  readonly depth: number;
  readonly inWork: number;
  /** The number of delayed keys. */
  readonly delayed: number;
}

export function createWorkQueue(options: {
  readonly name: string;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly metrics?: QueueMetrics | undefined;
}): WorkQueue {
  const { name, concurrency, clock, metrics } = options;
  /** Due keys in order. */
  const due = new Set<string>();
  const inWork = new Set<string>();
  /** Keys that were added while in work. */
  const again = new Set<string>();
  const delayed = new Map<string, { readonly at: number; readonly cancel: CancelTimer }>();
  const idle: (() => void)[] = [];
  let work: ((key: string) => Promise<void>) | undefined;
  let stopped = false;

  function add(key: string): void {
    if (stopped) return;
    (inWork.has(key) ? again : due).add(key);
    handOut();
  }

  function handOut(): void {
    for (const key of due) {
      if (stopped || work === undefined || inWork.size >= concurrency) break;
      due.delete(key);
      inWork.add(key);
      void work(key).finally(() => {
        finish(key);
      });
    }
    metrics?.depth?.({ name, depth: due.size });
  }

  function finish(key: string): void {
    inWork.delete(key);
    if (again.delete(key) && !stopped) due.add(key);
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
