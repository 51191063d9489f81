import type { Queryable } from '../../ledger/connection/statement.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { trustClock } from '../../ledger/state/clock.ts';
import { approveRecovery, freeGap, recoverIfNeeded, recoverWithout } from '../../ledger/state/recovery.ts';
import { type LedgerState, ledgerState } from '../../ledger/state/state.ts';
import { undroppedStock } from '../../ledger/stock/stock.ts';
import type { GlobalOptions } from '../cli.ts';
import { unknownPool, UserError } from '../errors.ts';
import { findCluster } from './clusters.ts';
import { currentUser } from './current-user.ts';
import { withLedger } from './open.ts';

export interface RecoverFlags {
  readonly approve: boolean;
  readonly without?: string | undefined;
  /** The pool whose addresses, set aside at a failover, are freed. */
  readonly freeGap?: string | undefined;
  /** The clock of the database is right again. */
  readonly trustClock: boolean;
  readonly reason?: string | undefined;
}

/** Continues a recovery as far as possible. Returns lines that describe the state of the ledger. */
export async function recoverLedger(
  options: GlobalOptions,
  { approve, without, freeGap: pool, trustClock: trusts, reason }: RecoverFlags,
): Promise<string[]> {
  return withLedger(options, async (ledger) => {
    const actor = currentUser();
    await recoverIfNeeded(ledger, actor);
    if (without !== undefined) {
      const { clusterId, name } = await findCluster(ledger, without);
      const outcome = await recoverWithout(ledger, clusterId, actor, reason);
      if (outcome === 'not_registered') {
        throw new UserError(
          `Cluster ${name} is retired, so the recovery does not wait for it.`,
          'Run `rock-mac recover`.',
          'notFound',
        );
      }
    }
    if (approve) await approveRecovery(ledger, { actor, reason });
    if (trusts) await trustClockAgain(ledger, actor, reason);
    const lines = pool === undefined ? [] : await freeGapOf(ledger, { pool, actor, reason });
    return [...lines, stateLine(await ledgerState(ledger))];
  });
}

async function freeGapOf(
  ledger: Queryable,
  { pool, actor, reason }: { readonly pool: string; readonly actor: string; readonly reason: string | undefined },
): Promise<string[]> {
  const pools = (await listPools(ledger)).map(({ name }) => name);
  if (!pools.includes(pool)) throw UserError.from(unknownPool(pool, pools));
  const freed = await freeGap(ledger, { pool, actor, reason });
  const line = `Freed ${String(freed)} address(es) of pool ${pool} that a failover had set aside.`;
  const undropped = await undroppedStock(ledger, pool);
  if (undropped === 0) return [line];
  return [
    line,
    `${String(undropped)} address(es) stay: webhooks had them in stock, and may still give them to pods. They come back when these ` +
      'webhooks reach the ledger. If one has ended, find it with `rock-mac stock list`, and run `rock-mac stock return HOLDER`.',
  ];
}

async function trustClockAgain(ledger: Queryable, actor: string, reason: string | undefined): Promise<void> {
  if ((await trustClock(ledger, actor, reason)) !== 'disagrees') return;
  throw new UserError(
    'Most operators and webhooks do not agree with the clock of the database, or have not reported for five minutes.',
    'Correct the clock that is wrong, wait a minute, then try again.',
    'unavailable',
  );
}

export function stateLine({ closed, expiryHeld, epoch }: LedgerState): string {
  const state = closed?.message ?? `The ledger is open (epoch ${String(epoch)}).`;
  return expiryHeld === undefined ? state : `${state} ${expiryHeld.message}`;
}
