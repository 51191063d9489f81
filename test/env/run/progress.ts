import type { Log } from './run.ts';

/** Runs a long action, and logs its progress as whole lines every `everyMs`, for terminals and CI logs. */
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

/** Formats a duration: `95000` becomes `1 min 35 s`. */
export function elapsed(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
}
