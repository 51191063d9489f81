import { createLru } from '../../kube/lru.ts';
import { createTokenBucket, type TokenBucket, type TokenBucketOptions } from '../../time/token-bucket.ts';

/*
 * The limits of reviews whose sender is not known to be the API server. A token stands for a review or for an address.
 * Each replica counts by itself, so two replicas allow twice as much.
 */

/**
 * Limits one namespace. A pod with one interface takes two tokens, so 2,048 such pods can be created at once. The ledger, too,
 * holds at most 2,048 addresses of a namespace for objects that are not stored yet. Kubernetes' own scalability tests create
 * at most 100 pods a second in a whole cluster, each a review and an address.
 */
export const NAMESPACE_LIMIT: TokenBucketOptions = { capacity: 4_096, perSecond: 200 };

/** Limits all namespaces together to four such namespaces. */
export const TOTAL_LIMIT: TokenBucketOptions = { capacity: 16_384, perSecond: 800 };

/** Limits the memory of the namespaces' buckets to a few megabytes. Kubernetes is tested with 10,000 namespaces. */
export const MAX_NAMESPACES = 10_000;

/**
 * Limits the uses of claims in one namespace: each is a read from the API server, and one for an object that is never stored
 * keeps the claim from its owner for two minutes. 500 virtual machines with a claim each can be created at once.
 */
export const CLAIM_LIMIT: TokenBucketOptions = { capacity: 500, perSecond: 5 };

/** What an object asks for. */
export interface Needs {
  readonly addresses: number;
  readonly claims: number;
}

/** Counts what the reviews of each namespace ask for. Only existing namespaces may be passed. */
export interface ReviewLimits {
  /** Counts a review, and returns whether it is within the limits. */
  enter(namespace: string): boolean;
  /** Counts addresses and claims, and returns whether they are within the limits. */
  take(namespace: string, needs: Needs): boolean;
}

/** Allows everything. For reviews that certainly come from the API server, which has limits of its own. */
export const unlimited: ReviewLimits = { enter: () => true, take: () => true };

interface NamespaceBuckets {
  readonly tokens: TokenBucket;
  readonly claims: TokenBucket;
}

/** Creates full buckets. `now` returns milliseconds of a clock that never goes back. */
export function createReviewLimits(now: () => number): ReviewLimits {
  const total = createTokenBucket(TOTAL_LIMIT, now);
  const namespaces = createLru<string, NamespaceBuckets>(MAX_NAMESPACES);

  function bucketsOf(namespace: string): NamespaceBuckets {
    const buckets = namespaces.get(namespace) ?? {
      tokens: createTokenBucket(NAMESPACE_LIMIT, now),
      claims: createTokenBucket(CLAIM_LIMIT, now),
    };
    namespaces.set(namespace, buckets);
    return buckets;
  }

  function takeTokens({ tokens }: NamespaceBuckets, count: number): boolean {
    // The namespace first: one that is over its limit takes nothing from the others.
    return tokens.take(count) && total.take(count);
  }

  return {
    enter: (namespace) => takeTokens(bucketsOf(namespace), 1),
    take: (namespace, { addresses, claims }) => {
      const buckets = bucketsOf(namespace);
      return buckets.claims.take(claims) && takeTokens(buckets, addresses);
    },
  };
}
