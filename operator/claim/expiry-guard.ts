import type { AddressRow } from '../../ledger/address/address-row.ts';
import { expiredClaims, expiredClaimsByPool } from '../../ledger/address/expired-claims.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { approvedReleases, isReleaseHeld } from '../pool/held-release.ts';
import { ALWAYS_USUAL, decideAutoRelease } from '../pool/release-guard.ts';

/**
 * Keeps many claims of a pool from expiring at once: the release guard for expiries. The resync counts them together with
 * the missing addresses, publishes what is held, and passes on what a person approved.
 */
export interface ExpiryGuard {
  /** Counts the expired claims, and returns those that may be released now, at most `limit`. */
  check(limit: number): Promise<readonly AddressRow[]>;
  /** Whether the claims of a pool may not expire, as of the last check. Before the first one, none may. */
  holds(pool: string): boolean;
  /** Lets up to this many claims of a pool expire, until none of it is expired. */
  approve(pool: string, count: number): void;
}

export function createExpiryGuard({
  ledger,
  clusterId,
  pools,
}: Pick<OperatorDeps, 'ledger' | 'clusterId'> & { readonly pools: Pick<Sources['pools'], 'get'> }): ExpiryGuard {
  const approved = new Map<string, number>();
  let allowed: ReadonlySet<string> | undefined;
  let held: ReadonlySet<string> = new Set();

  async function evaluate(): Promise<void> {
    const expired = await expiredClaimsByPool(ledger, clusterId);
    const names = new Set(expired.map(({ pool }) => pool));
    for (const pool of approved.keys()) if (!names.has(pool)) approved.delete(pool);
    // Counting what a pool holds reads all of it, so only for a number that can be too many.
    const stats = expired.some(({ count }) => count > ALWAYS_USUAL) ? await poolStats(ledger) : [];
    held = new Set(
      expired.flatMap(({ pool: name, count }) => {
        const pool = pools.get(name);
        const { release } = decideAutoRelease({
          missing: 0,
          expired: count,
          active: stats.find((each) => each.pool === name)?.active ?? 0,
          sinceLastResyncMs: 0,
          wasHeld: pool !== undefined && isReleaseHeld(pool),
          approved: Math.max(approved.get(name) ?? 0, (pool && approvedReleases(pool)) ?? 0),
        });
        return release ? [] : [name];
      }),
    );
    allowed = new Set([...names].filter((name) => !held.has(name)));
  }

  return {
    check: async (limit) => {
      await evaluate();
      return allowed === undefined || allowed.size === 0
        ? []
        : await expiredClaims(ledger, { clusterId, pools: [...allowed], limit });
    },
    holds: (pool) => allowed === undefined || held.has(pool),
    approve: (pool, count) => {
      approved.set(pool, count);
    },
  };
}
