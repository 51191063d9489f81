import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { expiredByPool, releaseExpired, type ExpiredInPool } from '../../ledger/address/expired-devices.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { currentUser } from './current-user.ts';
import { withLedger } from './open.ts';

export interface CleanedUp {
  readonly count: number;
  /** Says which pools were left alone, where some were. */
  readonly held?: UserError | undefined;
}

const AT_ONCE = 1_000;
const DAY = 86_400;

/** Fewer than this are never too many; above, a share of what the pool holds is. The same brake as the operator's. */
const ALWAYS_USUAL = 50;
const USUAL_SHARE = 0.05;

/** Whether so many at once look like a mistake (a clock that jumped, say) rather than like ordinary coming and going. */
export function isTooMany({ expired, held }: ExpiredInPool): boolean {
  return expired > Math.max(ALWAYS_USUAL, Math.floor(held * USUAL_SHARE));
}

/** Releases devices whose time is over, or counts them. */
export async function cleanUp(
  options: GlobalOptions,
  { dryRun, days, approve }: { readonly dryRun: boolean; readonly days: number; readonly approve: boolean },
): Promise<CleanedUp> {
  return withLedger(options, async (ledger) => {
    const graceSeconds = days * DAY;
    const pools = await expiredByPool(ledger, graceSeconds);
    const braked = approve ? [] : pools.filter(isTooMany);
    const free = pools.filter((pool) => !braked.includes(pool));
    const held = braked.length === 0 ? undefined : heldBack(braked);
    const { closed } = await ledgerState(ledger);
    if (closed !== undefined)
      throw new UserError('Nothing expires while the ledger is closed.', closed.message, 'unavailable');
    if (dryRun) return { count: free.reduce((sum, { expired }) => sum + expired, 0), held };
    let count = 0;
    for (const { pool } of free) count += await releaseAll(ledger, pool, graceSeconds);
    return { count, held };
  });
}

async function releaseAll(ledger: LedgerClient, pool: string, graceSeconds: number): Promise<number> {
  const actor = currentUser();
  let count = 0;
  for (;;) {
    const released = await releaseExpired(ledger, { pool, graceSeconds, limit: AT_ONCE, actor });
    count += released.length;
    if (released.length < AT_ONCE) return count;
  }
}

function heldBack(pools: readonly ExpiredInPool[]): UserError {
  const words = pools.map(({ pool, expired, held }) => `${String(expired)} of ${String(held)} in ${pool}`);
  return new UserError(
    `More have expired than is usual at once, so they were left alone: ${words.join(', ')}.`,
    'Look at them (`rock-mac list -o wide`), then add --approve.',
    'conflict',
  );
}
