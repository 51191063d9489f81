import type { AddressRef } from '../../ledger/address/address-ref.ts';
import type { StockAssignment } from '../../ledger/stock/leave-stock.ts';
import type { StockedAddress } from '../../ledger/stock/stock.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { createDemand, type Demand } from './demand.ts';
import { createUnreportedAnswers, type UnreportedAnswer } from './unreported-answers.ts';

/** What an object asks for: one address of the pool for each interface. */
export interface StockRequest {
  readonly pool: string;
  readonly namespace: string;
  readonly interfaces: readonly StockInterface[];
}

export interface StockInterface {
  /** What the ledger is reported about the answer. */
  readonly answer: Omit<StockAssignment, keyof AddressRef>;
  /** The address that the object brings along, which an earlier review of the same request may have written. */
  readonly copied?: MacAddress | undefined;
  /** Whether the holder key belongs to this one request. Then an earlier answer under it was for this object. */
  readonly isOfThisRequest: boolean;
}

/** How much there is of a pool. */
export interface StockLevel {
  readonly pool: string;
  readonly ready: number;
  /** For how long that lasts at the average rate, in milliseconds. */
  readonly coversMs: number;
}

/** The stock of this process, without the connection to the ledger: `keep-stock.ts` exchanges it. */
export interface Stock {
  /** Answers with new addresses for all interfaces, or for none: then the ledger is to be asked. */
  take(request: StockRequest): readonly AddressRef[] | undefined;
  /** Returns what an earlier review of the same request got, so that an object gets one address for each interface. */
  repeated(request: StockRequest): readonly AddressRef[] | undefined;
  /** Returns how many addresses each pool lacks, unless the last that it got still wait for their check. */
  lacks(): readonly { readonly pool: string; readonly count: number }[];
  /** Takes out what a pool has far beyond its need, so that the ledger gets it back. Forgets pools that nobody uses any more. */
  takeSurplus(): readonly AddressRef[];
  /** Adds addresses that the ledger has just set aside. They are used once a later check has found them. */
  add(pool: string, addresses: readonly AddressRef[]): void;
  /** Whether addresses are old enough for their first check. */
  isCheckDue(): boolean;
  /** Compares the stock with the ledger's, which was asked for at `began` (of the clock), and drops what is no stock any more. */
  compare(found: readonly StockedAddress[], began: number): ToReturn;
  /** Returns the answers that the ledger should hear of now, or all of them. */
  unreported(all?: 'all'): readonly StockAssignment[];
  reported(answers: readonly StockAssignment[]): void;
  /** Lets the stock be used for a minute from now on: the ledger, or the API server, has confirmed its holder. */
  confirm(): void;
  /** Empties the stock, and returns what it never answered with. */
  empty(): readonly AddressRef[];
  levels(): readonly StockLevel[];
}

/** What the ledger gets back after a comparison. */
export interface ToReturn {
  /** Addresses that this process never answered with, and may not use. */
  readonly unused: readonly AddressRef[];
  /**
   * Addresses that this process does not know: the response to a fill was lost. Or it has answered with them, and the ledger has lost
   * its report.
   */
  readonly unknown: readonly AddressRef[];
}

export interface StockOptions {
  /** For how long the stock should last at the average rate. */
  readonly coverMs: number;
  /** Returns milliseconds that never decrease. */
  readonly now: () => number;
}

/** The operator has usually bound an address by then, and the ledger need not hear of it twice. */
const REPORT_AFTER_MS = 2_000;

/** How long a review may be repeated after it was answered. The API server ends a request after 34 s at most. */
const REPEATED_WITHIN_MS = 40_000;

/** An asynchronous failover can lose what was committed in its last moment. */
const FRESH_MS = 5_000;

/** After this time without a confirmation, the holder may be one that was frozen, and whose stock was reclaimed. */
const CONFIRMED_MS = 60_000;

/** One namespace may have a quarter of a stock in answers that the ledger does not know, and this many in any case. */
const SHARE = 4;
const SMALLEST_SHARE = 16;

/** A stock of more than so many times its need is surplus. */
const SURPLUS = 2;

interface PoolStock {
  readonly demand: Demand;
  ready: AddressRef[];
  fresh: readonly FreshAddress[];
  isFilling: boolean;
}

/** An address that the ledger has set aside since the last check. */
interface FreshAddress {
  readonly address: AddressRef;
  readonly since: number;
}

export function createStock({ coverMs, now }: StockOptions): Stock {
  const pools = new Map<string, PoolStock>();
  const answers = createUnreportedAnswers();
  let usableUntil = Number.NEGATIVE_INFINITY;

  function poolOf(name: string): PoolStock {
    const known = pools.get(name);
    if (known !== undefined) return known;
    const pool: PoolStock = { demand: createDemand(now), ready: [], fresh: [], isFilling: false };
    pools.set(name, pool);
    return pool;
  }

  function isRepeated(found: UnreportedAnswer, { copied, isOfThisRequest }: StockInterface): boolean {
    return found.at > now() - REPEATED_WITHIN_MS && (isOfThisRequest || found.assignment.mac === copied);
  }

  function exceedsShare({ pool, namespace, interfaces }: StockRequest, { ready }: PoolStock): boolean {
    const share = Math.max(SMALLEST_SHARE, Math.floor((ready.length + answers.count(pool)) / SHARE));
    return answers.count(pool, namespace) + interfaces.length > share;
  }

  function compareFresh(fresh: readonly FreshAddress[], found: ReadonlyMap<string, StockedAddress>, began: number) {
    const waiting = fresh.filter(({ since }) => since > began - FRESH_MS);
    const checked = fresh.filter(({ since, address }) => since <= began - FRESH_MS && found.has(address.key));
    return { waiting, checked: checked.map(({ address }) => address) };
  }

  return {
    take: (request) => {
      const pool = poolOf(request.pool);
      pool.demand.record(request.interfaces.length);
      const isEnough = pool.ready.length >= request.interfaces.length;
      if (now() > usableUntil || !isEnough || exceedsShare(request, pool)) return undefined;
      const taken = pool.ready.splice(0, request.interfaces.length);
      for (const [index, address] of taken.entries()) {
        const answer = request.interfaces[index]?.answer;
        if (answer !== undefined) answers.add({ pool: request.pool, assignment: { ...address, ...answer }, at: now() });
      }
      return taken;
    },
    repeated: ({ interfaces }) => {
      const earlier = interfaces.flatMap((each) => {
        const found = answers.find(each.answer.boundKey);
        return found !== undefined && isRepeated(found, each) ? found.assignment : [];
      });
      return earlier.length === interfaces.length ? earlier : undefined;
    },
    lacks: () =>
      [...pools].flatMap(([name, pool]) => {
        // An asynchronous failover loses at most one fill of each holder then.
        if (pool.fresh.length > 0) return [];
        const target = pool.demand.target(coverMs);
        const count = target - pool.ready.length;
        // A refill for each answer would be a write for each answer, so it begins late and then goes on to the end.
        pool.isFilling = count > (pool.isFilling ? 0 : target / 4);
        return pool.isFilling ? { pool: name, count } : [];
      }),
    takeSurplus: () =>
      [...pools].flatMap(([name, pool]) => {
        const target = pool.demand.target(coverMs);
        // Not at once: the next rollout may need it again.
        const surplus = pool.ready.length > target * SURPLUS ? pool.ready.splice(target) : [];
        if (target + pool.ready.length + pool.fresh.length === 0) pools.delete(name);
        return surplus;
      }),
    add: (pool, addresses) => {
      const stock = poolOf(pool);
      stock.fresh = [...stock.fresh, ...addresses.map((address) => ({ address, since: now() }))];
    },
    isCheckDue: () => [...pools.values()].some(({ fresh }) => fresh.some(({ since }) => since <= now() - FRESH_MS)),
    compare: (found, began) => {
      const byKey = new Map(found.map((address) => [address.key, address]));
      const isUsable = ({ key }: AddressRef) => byKey.get(key)?.isUsable === true;
      const unused: AddressRef[] = [];
      const known = new Set<string>();
      for (const pool of pools.values()) {
        const { waiting, checked } = compareFresh(pool.fresh, byKey, began);
        const stocked = [...pool.ready.filter(({ key }) => byKey.has(key)), ...checked];
        pool.fresh = waiting;
        pool.ready = stocked.filter(isUsable);
        unused.push(...stocked.filter((address) => !isUsable(address)));
        for (const { key } of [...stocked, ...waiting.map(({ address }) => address)]) known.add(key);
      }
      return { unused, unknown: found.filter(({ key }) => !known.has(key) && !answers.has(key)) };
    },
    unreported: (all) => answers.until(all === 'all' ? Number.POSITIVE_INFINITY : now() - REPORT_AFTER_MS),
    reported: (assignments) => {
      answers.remove(assignments);
    },
    confirm: () => {
      usableUntil = now() + CONFIRMED_MS;
    },
    empty: () => {
      const unused = [...pools.values()].flatMap(({ ready, fresh }) => [
        ...ready,
        ...fresh.map(({ address }) => address),
      ]);
      for (const pool of pools.values()) {
        pool.ready = [];
        pool.fresh = [];
      }
      return unused;
    },
    levels: () =>
      [...pools].map(([pool, { ready, demand }]) => ({
        pool,
        ready: ready.length,
        coversMs: ready.length === 0 ? 0 : ready.length / demand.rate(),
      })),
  };
}
