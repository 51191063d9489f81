import type { CancelTimer, Clock } from './clock.ts';

/** A signal that fires when the caller's does, or when the time is up. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether it was the time that was up. */
  readonly expired: boolean;
  /** Starts the time anew, with another length in milliseconds. */
  restart(ms: number): void;
  /** Must be called in the end: it lets go of the timer and of the caller's signal, which may live for ever. */
  clear(): void;
}

/** Like AbortSignal.any with AbortSignal.timeout, but nothing is left behind when the work ends in time. */
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
