import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 500;

export type Polled<T> = { readonly state: 'done'; readonly value: T } | { readonly state: 'late' | 'interrupted' };

/** Calls `check` with growing pauses until it returns a value, the time is up, or the signal is aborted. */
export async function poll<T>(
  check: () => Promise<T | undefined>,
  { withinMs, signal }: { readonly withinMs: number; readonly signal?: AbortSignal },
): Promise<Polled<T>> {
  const started = performance.now();
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, MAX_PAUSE_MS)) {
    const value = await check();
    if (value !== undefined) return { state: 'done', value };
    if (signal?.aborted === true) return { state: 'interrupted' };
    if (performance.now() - started > withinMs) return { state: 'late' };
    try {
      await sleep(pause, undefined, { signal });
    } catch {
      return { state: 'interrupted' };
    }
  }
}
