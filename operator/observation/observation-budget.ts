import { createLru } from '../../kube/lru.ts';
import { createTokenBucket, type TokenBucket } from '../../time/token-bucket.ts';

/** Limits how fast one namespace makes the ledger write new observations. */
export interface ObservationBudget {
  /** Takes one from the budget of a namespace. Returns whether it had one. */
  take(namespace: string): boolean;
}

/** New observations of a namespace per hour. It may have 64 at a time, so honest users come nowhere near. */
const PER_HOUR = 1_024;

/** Namespaces that are remembered. A forgotten one has its whole budget again. */
const NAMESPACES = 10_000;

/** Creates a token bucket per namespace. `now` returns milliseconds of a clock that never goes back. */
export function createObservationBudget(now: () => number): ObservationBudget {
  const buckets = createLru<string, TokenBucket>(NAMESPACES);
  return {
    take: (namespace) => {
      const bucket =
        buckets.get(namespace) ?? createTokenBucket({ capacity: PER_HOUR, perSecond: PER_HOUR / 3_600 }, now);
      buckets.set(namespace, bucket);
      return bucket.take(1);
    },
  };
}
