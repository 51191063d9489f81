import type { Clock } from './clock.ts';

/**
 * Waits `ms` milliseconds, or less when the signal fires. It never rejects: a loop asks its signal anyway,
 * and an abort is an ordinary end for it.
 */
export function sleep(ms: number, clock: Clock, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(ms, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}
