import type { CancelTimer, Clock } from './clock.ts';

/** A signal that fires with the caller's signal or when the time is up. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether the time was up. */
  readonly expired: boolean;
  /** Restarts the timer with another length in milliseconds. */
  restart(ms: number): void;
  /** Must be called at the end: it removes the timer and the listener on the caller's signal. */
  clear(): void;
}

/** Like AbortSignal.any with AbortSignal.timeout, but it leaves no timer or listener behind. */
export function startDeadline(ms: number, clock: Clock, signal?: AbortSignal): Deadline {
  const controller = new AbortController();
  let expired = false;
  const onAbort = (): void => {
    controller.abort(signal?.reason);
  };
  const start = (delayMs: number): CancelTimer =>
    clock.after(delayMs, () => {
      expired = true;
      controller.abort();
    });

  let cancel = start(ms);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    restart: (delayMs) => {
      cancel();
      cancel = start(delayMs);
    },
    clear: () => {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    },
  };
}
