import { type MacRefusal, parseMac } from '../mac/mac-address.ts';
import type { PoolDefinition } from './default-pools.ts';
import { parseDuration } from './duration.ts';
import { DEFAULT_REUSE_DELAY, type MacPoolSpec } from './mac-pool.ts';
import { DEFAULT_STRATEGY, type PoolStrategy } from './pool-strategy.ts';

export type ReadDefinition =
  | { readonly ok: true; readonly definition: PoolDefinition & { readonly strategy: PoolStrategy } }
  /** No device may own the first or the last address. */
  | { readonly ok: false; readonly field: 'first' | 'last'; readonly why: MacRefusal };

/** Returns the definition in a MacPool. The API server checks the form of an address, but not whether a device may own it. */
export function readPoolDefinition(name: string, spec: MacPoolSpec): ReadDefinition {
  const [first, last] = [parseMac(spec.first), parseMac(spec.last)];
  if (!first.ok) return { ok: false, field: 'first', why: first.why };
  if (!last.ok) return { ok: false, field: 'last', why: last.why };
  return {
    ok: true,
    definition: {
      name,
      first: first.mac,
      last: last.mac,
      description: spec.description ?? '',
      autoReleaseSeconds: spec.autoReleaseAfter === undefined ? null : (parseDuration(spec.autoReleaseAfter) ?? null),
      reuseDelaySeconds: parseDuration(spec.reuseDelay ?? DEFAULT_REUSE_DELAY) ?? 0,
      strategy: spec.strategy ?? DEFAULT_STRATEGY,
    },
  };
}
