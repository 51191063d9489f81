import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_MS = 50;
const LONGEST_MS = 500;

export type Polled<T> = { readonly state: 'done'; readonly value: T } | { readonly state: 'late' | 'interrupted' };

/** Asks again and again, ever more slowly, until there is an answer, the time is up, or somebody presses Ctrl-C. */
export async function poll<T>(
  ask: () => Promise<T | undefined>,
  { withinMs, signal }: { readonly withinMs: number; readonly signal?: AbortSignal },
): Promise<Polled<T>> {
  const started = performance.now();
  for (let pause = FIRST_MS; ; pause = Math.min(pause * 1.5, LONGEST_MS)) {
    const value = await ask();
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
