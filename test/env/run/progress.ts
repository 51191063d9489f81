import type { Log } from './run.ts';

/**
 * Does something long and says every `everyMs` how far it is, as whole lines, which read well in a terminal and in a
 * CI log alike.
 */
export async function withProgress<T>(
  options: { readonly log: Log; readonly everyMs: number; readonly describe: () => string },
  action: () => Promise<T>,
): Promise<T> {
  const began = Date.now();
  const ticker = setInterval(() => {
    options.log(`${elapsed(Date.now() - began)}: ${options.describe()}`);
  }, options.everyMs);
  try {
    return await action();
  } finally {
    clearInterval(ticker);
  }
}

/** `95000` → `1 min 35 s`. */
export function elapsed(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
}
