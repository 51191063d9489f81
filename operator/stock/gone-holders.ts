import type { StockHolder, StockInPool } from '../../ledger/stock/stock.ts';

/** How long a holder must have been gone. Its last answers are stored by then, and no review waits for it any more. */
const GONE_FOR_MS = 300_000;

/** Remembers since when the holders of stock are gone. Each leader run has one, and its successor waits anew. */
export interface GoneHolders {
  /** Returns the milliseconds of a clock that never goes back. */
  now(): number;
  /** Takes the ids of the holders that are gone now. All others are forgotten. */
  update(gone: readonly string[]): void;
  /** Returns whether the holder had been gone for five minutes at this time. */
  wasGone(id: string, time: number): boolean;
}

export function createGoneHolders(now: () => number): GoneHolders {
  let since: ReadonlyMap<string, number> = new Map();
  return {
    now,
    update: (gone) => {
      since = new Map(gone.map((id) => [id, since.get(id) ?? now()]));
    },
    wasGone: (id, time) => time - (since.get(id) ?? time) >= GONE_FOR_MS,
  };
}

/** Returns the holders that have addresses in stock, each once. */
export function holdersWithStock(stocks: readonly StockInPool[]): readonly StockInPool[] {
  return [...new Map(stocks.filter(({ count }) => count > 0).map((stock) => [stock.holder.id, stock])).values()];
}

/**
 * Returns whether a holder is gone for ever: its pod does not exist any more, or a later process runs in its pod. `podUid` is the
 * uid of the pod that has the name of the holder's now.
 */
export function isGone(
  { holder, sequence, seenAt }: StockInPool,
  podUid: string | undefined,
  stocks: readonly StockInPool[],
): boolean {
  if (podUid !== holder.podUid) return true;
  return stocks.some((other) => isSamePod(other.holder, holder) && other.sequence > sequence && other.seenAt > seenAt);
}

function isSamePod(other: StockHolder, holder: StockHolder): boolean {
  return other.id !== holder.id && other.podUid === holder.podUid;
}
