import { createLru } from '../../kube/lru.ts';
import { createTokenBucket, type TokenBucket } from '../../time/token-bucket.ts';

/** Limits how fast one namespace makes the ledger write new observations. */
export interface ObservationBudget {
  /** Takes one from the budget of a namespace for addresses of ours, or for those of other prefixes. Returns whether it had one. */
  take(namespace: string, kind: 'ours' | 'outside'): boolean;
}

/**
 * New observations of a namespace per hour. It may have 64 of our addresses at a time, so honest users come nowhere near. It may
 * have 8,192 of other prefixes: all machines of a large namespace at once.
 */
const PER_HOUR = { ours: 1_024, outside: 8_192 } as const;

/** Namespaces that are remembered. A forgotten one has its whole budget again. */
const NAMESPACES = 10_000;

/** Creates a token bucket per namespace. `now` returns milliseconds of a clock that never goes back. */
export function createObservationBudget(now: () => number): ObservationBudget {
  const buckets = createLru<string, TokenBucket>(NAMESPACES);
  return {
    take: (namespace, kind) => {
      const key = `${kind}/${namespace}`;
      const capacity = PER_HOUR[kind];
      const bucket = buckets.get(key) ?? createTokenBucket({ capacity, perSecond: capacity / 3_600 }, now);
      buckets.set(key, bucket);
      return bucket.take(1);
    },
  };
}
