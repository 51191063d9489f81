import type { PoolObject } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { DEFAULT_STRATEGY } from '../../api/pool-strategy.ts';
import { mac } from '../../mac/mac-address.ts';
import type { PoolStats } from '../pool/pool-stats.ts';

/** Returns the object of the read API for a pool with its counts. */
export function encodePool({ pool, ...counts }: PoolStats): PoolObject {
  return { apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`, kind: 'Pool', metadata: { name: pool }, ...counts };
}

/** Returns the counts of an object of the read API. */
export function decodePool(object: PoolObject): PoolStats {
  return {
    pool: object.metadata.name,
    description: object.description,
    first: mac(object.first),
    last: mac(object.last),
    capacity: object.capacity,
    active: object.active,
    pending: object.pending,
    stocked: object.stocked ?? 0,
    reserved: object.reserved,
    released: object.released,
    orphaned: object.orphaned,
    observed: object.observed ?? 0,
    free: object.free,
    utilisation: object.utilisation,
    totalAllocated: object.totalAllocated,
    totalReleased: object.totalReleased,
    waiting: object.waiting ?? 0,
    cursor: object.cursor === undefined ? undefined : mac(object.cursor),
    strategy: object.strategy ?? DEFAULT_STRATEGY,
    paused: object.paused,
  };
}
