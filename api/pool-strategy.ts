/**
 * The order in which a pool hands out addresses that were never used: from the first to the last, or in a random order. Released
 * addresses follow, the one that was released first before the others.
 */
export const POOL_STRATEGIES = ['sequential', 'random'] as const;
export type PoolStrategy = (typeof POOL_STRATEGIES)[number];

/** The strategy of a pool that names none. */
export const DEFAULT_STRATEGY: PoolStrategy = 'sequential';
