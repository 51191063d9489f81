import { createTokenBucket, type TokenBucketOptions } from '../../time/token-bucket.ts';

export interface ReadLimit extends TokenBucketOptions {
  /** Returns milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Limits how often `read` is called. Simultaneous reads of the same key are one. A read over the limit returns `limited`. */
export function limitReads<T>(
  read: (key: string) => Promise<T>,
  limit: ReadLimit,
): (key: string) => Promise<T | 'limited'> {
  const bucket = createTokenBucket(limit, limit.now);
  const running = new Map<string, Promise<T>>();
  return async (key) => {
    const shared = running.get(key);
    if (shared !== undefined) return await shared;
    if (!bucket.take(1)) return 'limited';
    const reading = read(key).finally(() => running.delete(key));
    running.set(key, reading);
    return await reading;
  };
}
