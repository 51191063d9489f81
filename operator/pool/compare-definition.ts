import type { PoolDefinition } from '../../api/default-pools.ts';
import type { Pool } from '../../ledger/pool/pools.ts';

/** How a MacPool relates to the pool of its name in the ledger. */
export type DefinitionRelation = 'same' | 'longer' | 'different';

/** Compares a definition with the ledger's. Only the end of a pool may differ, and then it may grow. Descriptions and strategies are not compared. */
export function compareDefinition(
  wanted: PoolDefinition,
  held: Omit<Pool, 'used' | 'paused' | 'strategy'>,
): DefinitionRelation {
  const isAlike =
    held.first === wanted.first &&
    held.autoReleaseSeconds === wanted.autoReleaseSeconds &&
    held.reuseDelaySeconds === wanted.reuseDelaySeconds;
  if (!isAlike || held.last > wanted.last) return 'different';
  return held.last === wanted.last ? 'same' : 'longer';
}
