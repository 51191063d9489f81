import { expiredByPool, type ExpiredInPool, releaseExpiredDevices } from '../../ledger/address/expired-devices.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import type { GlobalOptions } from '../cli.ts';
import { type CommandRefusal, commandRefusal, UserError } from '../errors.ts';
import { currentUser } from './current-user.ts';
import { withLedger } from './open.ts';
import { reportOwnClock } from './own-clock.ts';
import { sealOnTheSide } from './seal.ts';

export interface CleanupResult {
  readonly count: number;
  /** Names the pools that the release guard skipped, if any. */
  readonly held?: CommandRefusal | undefined;
}

/** Addresses released per statement, so that no statement holds its locks for long. */
const BATCH_SIZE = 1_000;
const DAY_SECONDS = 86_400;

/**
 * The limits of the release guard, the same as the operator's: up to 50 addresses, or 5 % of what the pool holds, may be
 * released at once without approval.
 */
const GUARD_COUNT = 50;
const GUARD_SHARE = 0.05;

/** Returns whether the release guard skips a pool. So many expiries at once suggest a mistake, such as a clock jump. */
export function isTooMany({ expired, held }: ExpiredInPool): boolean {
  return expired > Math.max(GUARD_COUNT, Math.floor(held * GUARD_SHARE));
}

/** Releases the expired addresses of devices, or only counts them in a dry run. */
export async function cleanUp(
  options: GlobalOptions,
  { dryRun, days, approve }: { readonly dryRun: boolean; readonly days: number; readonly approve: boolean },
): Promise<CleanupResult> {
  return withLedger(options, async (ledger) => {
    const graceSeconds = days * DAY_SECONDS;
    if (!dryRun) await reportOwnClock(ledger);
    const pools = await expiredByPool(ledger, graceSeconds);
    const guarded = approve ? [] : pools.filter(isTooMany);
    const releasable = pools.filter((pool) => !guarded.includes(pool));
    const held = guarded.length === 0 ? undefined : refuseGuarded(guarded);
    const { closed, expiryHeld } = await ledgerState(ledger);
    if (closed !== undefined) {
      throw new UserError('Nothing expires while the ledger is closed.', closed.message, 'unavailable');
    }
    if (expiryHeld?.why === 'clock_jumped' || (expiryHeld !== undefined && !dryRun)) {
      throw new UserError('Nothing expires now.', expiryHeld.message, 'unavailable');
    }
    if (dryRun) return { count: releasable.reduce((sum, { expired }) => sum + expired, 0), held };
    let count = 0;
    for (const { pool } of releasable) count += await releaseAll(ledger, pool, graceSeconds);
    await sealOnTheSide(ledger);
    return { count, held };
  });
}

async function releaseAll(ledger: LedgerClient, pool: string, graceSeconds: number): Promise<number> {
  const actor = currentUser();
  let count = 0;
  for (;;) {
    const released = await releaseExpiredDevices(ledger, { pool, graceSeconds, limit: BATCH_SIZE, actor });
    count += released.length;
    if (released.length < BATCH_SIZE) return count;
  }
}

function refuseGuarded(pools: readonly ExpiredInPool[]): CommandRefusal {
  const words = pools.map(({ pool, expired, held }) => `${String(expired)} of ${String(held)} in ${pool}`);
  return commandRefusal(
    `Unusually many addresses have expired at once, so these were not released: ${words.join(', ')}.`,
    'Check them (`rock-mac list -o wide`), then add --approve.',
    'conflict',
  );
}
