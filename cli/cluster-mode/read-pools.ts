import { parseDuration } from '../../api/duration.ts';
import { DEFAULT_REUSE_DELAY } from '../../api/mac-pool.ts';
import { macPools, type MacPool } from '../../kube/client/mac-resources.ts';
import type { Pool } from '../../ledger/pool/pools.ts';
import { parseMac } from '../../mac/mac-address.ts';
import type { PoolCounts } from '../backend.ts';
import type { Scope } from './scope.ts';

/** Returns the pools as the MacPools define them, in the order of their ranges. */
export async function poolsOfCluster(scope: Scope): Promise<Pool[]> {
  return (await listMacPools(scope)).flatMap((macPool) => toPool(macPool) ?? []);
}

/** Returns the counts that the operator last wrote into the MacPools. */
export async function statsOfCluster(scope: Scope): Promise<PoolCounts[]> {
  return (await listMacPools(scope)).flatMap((macPool) => {
    const pool = toPool(macPool);
    if (pool === undefined) return [];
    const { name, first, last, description, paused } = pool;
    const { capacity, active, pending, reserved, released, orphaned, free, utilisation } = macPool.status ?? {};
    return {
      pool: name,
      description,
      first,
      last,
      paused,
      capacity,
      active,
      pending,
      reserved,
      released,
      orphaned,
      free,
      utilisation: utilisation === undefined ? undefined : Number.parseFloat(utilisation),
    };
  });
}

function toPool({ metadata, spec, status }: MacPool): Pool | undefined {
  const [first, last] = [parseMac(spec.first), parseMac(spec.last)];
  if (!first.ok || !last.ok) return undefined;
  return {
    name: metadata.name,
    first: first.mac,
    last: last.mac,
    description: spec.description ?? '',
    autoReleaseSeconds: spec.autoReleaseAfter === undefined ? null : (parseDuration(spec.autoReleaseAfter) ?? null),
    reuseDelaySeconds: parseDuration(spec.reuseDelay ?? DEFAULT_REUSE_DELAY) ?? 0,
    paused: spec.paused === true,
    used: status !== undefined && status.free !== status.capacity,
  };
}

async function listMacPools({ client }: Scope): Promise<MacPool[]> {
  const { items } = await client.list(macPools);
  return items.sort((a, b) => (a.spec.first < b.spec.first ? -1 : 1));
}
