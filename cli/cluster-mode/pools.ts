import { parseDuration } from '../../api/duration.ts';
import { DEFAULT_REUSE_DELAY } from '../../api/mac-pool.ts';
import { macPools, type MacPool } from '../../kube/client/mac-resources.ts';
import type { PoolStats } from '../../ledger/pool/pool-stats.ts';
import type { Pool } from '../../ledger/pool/pools.ts';
import { parseMac } from '../../mac/mac-address.ts';
import type { Scope } from './scope.ts';

/** The pools as their MacPools define them, in the order of their ranges. */
export async function poolsOf(scope: Scope): Promise<Pool[]> {
  return (await listed(scope)).flatMap(({ metadata, spec, status }) => {
    const [first, last] = [parseMac(spec.first), parseMac(spec.last)];
    if (!first.ok || !last.ok) return [];
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
  });
}

/** What the operator last counted into the MacPools. What only the ledger counts is not a number here. */
export async function statsOfPools(scope: Scope): Promise<PoolStats[]> {
  const counted = new Map((await listed(scope)).map(({ metadata, status }) => [metadata.name, status]));
  return (await poolsOf(scope)).map(({ name, first, last, description, paused }) => {
    const { capacity = NaN, active = NaN, pending = NaN, reserved = NaN } = counted.get(name) ?? {};
    const { released = NaN, orphaned = NaN, free = NaN, utilisation = '' } = counted.get(name) ?? {};
    return {
      ...{ pool: name, description, first, last, paused },
      ...{ capacity, active, pending, reserved, released, orphaned, free },
      ...{ utilisation: Number.parseFloat(utilisation), reusableNow: NaN, totalAllocated: NaN, totalReleased: NaN },
    };
  });
}

async function listed({ client }: Scope): Promise<MacPool[]> {
  const { items } = await client.list(macPools);
  return items.sort((a, b) => (a.spec.first < b.spec.first ? -1 : 1));
}
