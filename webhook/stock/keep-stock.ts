import type { Logger } from 'pino';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { assignStock, returnStock, type StockAssignment } from '../../ledger/stock/leave-stock.ts';
import {
  checkStock,
  dropStock,
  type FillRequest,
  fillStock,
  MAX_FILL,
  stockEpoch,
  type StockHolder,
} from '../../ledger/stock/stock.ts';
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
  /** The last epoch of the ledger of which this process has dropped what is no stock any more. */
  let droppedIn: number | undefined;
  const scarceUntil = new Map<string, number>();
  /** Fills whose response has not arrived, by pool. The ledger may have set their addresses aside. */
  const unanswered = new Map<string, Pick<FillRequest, 'count' | 'fillId'>>();

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
        await returnAll(invalid, false, 'answer that cannot be stored');
      }
      stock.reported(group);
    }
  }

  async function returnAll(addresses: readonly AddressRef[], unused: boolean, reason: string): Promise<void> {
    if (addresses.length > 0) await returnStock(ledger, addresses, { unused, actor: ACTOR, reason });
  }

  async function check(): Promise<void> {
    if (clock.now() < checkedAt + CHECK_EVERY_MS && !stock.isCheckDue()) return;
    const began = clock.now();
    const epoch = await stockEpoch(ledger);
    const found = await checkStock(ledger, holder, ticket());
    checkedAt = began;
    stock.confirm();
    const { unused, unknown } = stock.compare(found, began);
    if (epoch !== droppedIn) {
      await dropStock(ledger, holder, epoch);
      droppedIn = epoch;
    }
    await returnAll(unused, true, 'stock that may not be used');
    await returnAll(unknown, false, 'stock that its holder does not know');
    await returnAll(stock.takeSurplus(), true, 'more stock than needed');
    if (unused.length + unknown.length > 0)
      logger.info(
        { addresses: unused.length + unknown.length },
        'returned addresses of the stock that may not be used',
      );
  }

  async function fill(): Promise<void> {
    for (const { pool, count } of stock.lacks()) {
      if (clock.now() < (scarceUntil.get(pool) ?? 0) || unanswered.has(pool)) continue;
      await fillPool(pool, { count: Math.min(count, MAX_FILL), fillId: deps.newFillId() });
    }
  }

  /** Before the check, which would return the addresses of such a fill as unknown. */
  async function repeatFills(): Promise<void> {
    for (const [pool, request] of [...unanswered]) await fillPool(pool, request);
  }

  async function fillPool(pool: string, request: Pick<FillRequest, 'count' | 'fillId'>): Promise<void> {
    unanswered.set(pool, request);
    const added = await fillStock(ledger, holder, { ...request, pool, ticket: ticket(), actor: ACTOR });
    unanswered.delete(pool);
    stock.add(pool, added);
    if (added.length < request.count) scarceUntil.set(pool, clock.now() + SCARCE_MS);
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
      // Each by itself: while no answer can be stored, a pause of the pool must reach this process all the same.
      const steps = [() => report(stock.unreported()), repeatFills, check, fill];
      const errors: unknown[] = [];
      for (const step of steps) await step().catch((error: unknown) => errors.push(error));
      if (errors.some(isLedgerAway)) await confirmByPod();
      if (errors.length > 0) throw errors[0];
    },
    close: async () => {
      const unused = stock.empty();
      if (isGone) return;
      await report(stock.unreported('all'));
      await returnAll(unused, true, 'the webhook ends');
    },
  };
}

/** An answer of the ledger itself, such as a missing right, is no reason to go on without it. */
function isLedgerAway(error: unknown): boolean {
  return error instanceof LedgerError && error.retryable;
}
