import type { Logger } from 'pino';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { assignStock, returnStock, type StockAssignment } from '../../ledger/stock/leave-stock.ts';
import { checkStock, fillStock, MAX_FILL, type StockHolder } from '../../ledger/stock/stock.ts';
import type { Clock } from '../../time/clock.ts';
import type { Stock } from './stock.ts';

export interface KeepStockDeps {
  readonly stock: Stock;
  readonly ledger: Queryable;
  readonly holder: StockHolder;
  /** Returns the ticket of this cluster. */
  readonly ticket: () => string | undefined;
  /** Returns whether the pod of the holder still exists. Throws if that is not certain. */
  readonly podExists: () => Promise<boolean>;
  /** The lease of an address whose object was not seen yet, in seconds. */
  readonly leaseSeconds: number;
  readonly newFillId: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Exchanges the stock with the ledger. */
export interface StockKeeper {
  /** Reports the ledger of answers, checks the stock, and fills it, as far as each is due. Throws LedgerError while the ledger is away. */
  exchange(): Promise<void>;
  /** Reports the ledger everything, and returns what was never answered with. Nothing may be taken any more. */
  close(): Promise<void>;
}

/** How often the exchange is called. */
export const EXCHANGE_EVERY_MS = 1_000;

const CHECK_EVERY_MS = 15_000;

/** The pause after the ledger gave fewer addresses than were asked for: there is too little left in the pool. */
const SCARCE_MS = 60_000;

const ACTOR = 'rock-mac-webhook';

/** A statement for so many answers takes some milliseconds, and other statements get through between two. */
const REPORT_AT_ONCE = 256;

export function createStockKeeper(deps: KeepStockDeps): StockKeeper {
  const { stock, ledger, holder, ticket, podExists, clock, logger } = deps;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let askedForPodAt = Number.NEGATIVE_INFINITY;
  let isGone = false;
  const scarceUntil = new Map<string, number>();

  async function report(answers: readonly StockAssignment[]): Promise<void> {
    for (let start = 0; start < answers.length; start += REPORT_AT_ONCE) {
      const group = answers.slice(start, start + REPORT_AT_ONCE);
      const outcomes = await assignStock(ledger, group, { leaseSeconds: deps.leaseSeconds, actor: ACTOR });
      const invalid = group.filter((_, index) => outcomes[index]?.outcome === 'invalid');
      if (invalid.length > 0) {
        logger.error(
          { addresses: invalid.length },
          'the ledger cannot store an answer, so its address waits for the reuse delay',
        );
        await returnStock(ledger, invalid, { unused: false, actor: ACTOR, reason: 'answer that cannot be stored' });
      }
      stock.reported(group);
    }
  }

  async function returnUnused(addresses: readonly AddressRef[], reason: string): Promise<void> {
    if (addresses.length > 0) await returnStock(ledger, addresses, { unused: true, actor: ACTOR, reason });
  }

  async function check(): Promise<void> {
    const began = clock.now();
    const found = await checkStock(ledger, holder, ticket());
    checkedAt = began;
    stock.confirm();
    const unusable = stock.compare(found, began);
    await returnUnused(unusable, 'stock that may not be used');
    if (unusable.length > 0)
      logger.info({ addresses: unusable.length }, 'returned addresses of the stock that may not be used');
    await returnUnused(stock.takeSurplus(), 'more stock than needed');
  }

  async function fill(): Promise<void> {
    for (const { pool, count } of stock.lacks()) {
      if (clock.now() < (scarceUntil.get(pool) ?? 0)) continue;
      const wanted = Math.min(count, MAX_FILL);
      const request = { pool, count: wanted, fillId: deps.newFillId(), ticket: ticket(), actor: ACTOR };
      const added = await fillStock(ledger, holder, request);
      stock.add(pool, added);
      if (added.length < wanted) scarceUntil.set(pool, clock.now() + SCARCE_MS);
    }
  }

  /** Without the ledger, the API server says whether this process may go on. Nobody gives up the stock of a pod that exists. */
  async function confirmByPod(): Promise<void> {
    if (clock.now() < askedForPodAt + CHECK_EVERY_MS) return;
    askedForPodAt = clock.now();
    if (await podExists()) {
      stock.confirm();
      return;
    }
    isGone = true;
    stock.empty();
    logger.warn('the pod of this process is gone, so it answers no more from stock');
  }

  return {
    exchange: async () => {
      if (isGone) return;
      try {
        await report(stock.unreported());
        if (clock.now() >= checkedAt + CHECK_EVERY_MS || stock.isCheckDue()) await check();
        await fill();
      } catch (error) {
        if (error instanceof LedgerError) await confirmByPod();
        throw error;
      }
    },
    close: async () => {
      const unused = stock.empty();
      if (isGone) return;
      await report(stock.unreported('all'));
      await returnUnused(unused, 'the webhook ends');
    },
  };
}
