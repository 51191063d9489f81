import type { Logger } from 'pino';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import type { LedgerHeadStore } from './ledger-head-store.ts';

/** Interval between checks whether the initial sync was done. */
const POLL_MS = 500;

/**
 * Resolves to `true` once any operator of this cluster has done the initial sync, and to `false` if the signal fires first.
 * Reads only the stored ledger head in the API server. So an unavailable ledger keeps an operator from becoming ready only
 * before the first sync of all.
 */
export async function waitForInitialSync(
  ledgerHeads: Pick<LedgerHeadStore, 'read'>,
  { logger, clock, signal }: { readonly logger: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<boolean> {
  while (!signal.aborted) {
    try {
      if ((await ledgerHeads.read()) !== undefined) return true;
    } catch (error) {
      logger.debug({ err: error }, 'cannot read whether the initial sync was done');
    }
    await sleep(POLL_MS, clock, signal);
  }
  return false;
}
