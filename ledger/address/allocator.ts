import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from '../connection/statement.ts';
import { isLedgerError, LedgerError, toLedgerError } from '../errors.ts';
import { allocate, type AllocationOutcome, type AllocationRequest, requireValidRequest } from './allocate.ts';
import { type Invalid, runOneByOne } from './validate.ts';

export interface AllocatorOptions {
  readonly db: Queryable;
  /** Lease of a pending address. */
  readonly leaseSeconds: number;
  /** Requests per round trip. Larger groups are hardly faster, and every request in them waits longer. */
  readonly maxGroup?: number;
  /** Requests that may wait for one pool. More are refused, so a slow ledger does not exhaust memory. */
  readonly maxQueue?: number;
}

export interface Allocator {
  /**
   * Allocates one address, grouped with other requests for the same pool. Retries transient errors (a lost connection,
   * a time-out, a deadlock) with the same key until the deadline (default: 3,000 ms). After a COMMIT with unknown
   * result, a retry therefore returns the stored address.
   *
   * Throws LedgerError: BAD_REQUEST, LEDGER_OVERLOADED (queue full), LEDGER_CLOSED, or the last error at the deadline.
   */
  allocate(request: AllocationRequest, options?: { readonly deadlineMs?: number }): Promise<AllocationOutcome>;
  /** Refuses new requests, and resolves when all waiting requests have a result. */
  close(): Promise<void>;
}

const DEFAULT_DEADLINE_MS = 3_000;

/**
 * Pauses after an error, in milliseconds. They double each time, with jitter to spread the retries of several
 * processes.
 */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** A request that waits for its result. */
interface Waiter {
  readonly request: AllocationRequest;
  /** Set once. A later result is ignored. */
  settled: boolean;
  lastError: LedgerError | undefined;
  readonly settle: (result: AllocationOutcome | LedgerError) => void;
}

/** The waiting requests of one pool. One group is sent at a time; the others collect for the next group. */
interface Batcher {
  add(waiter: Waiter): void;
  /** Resolves when no request waits any more. */
  readonly done: Promise<void>;
}

export function createAllocator(options: AllocatorOptions): Allocator {
  const batchers = new Map<string, Batcher>();
  let closed = false;

  function batcherOf(pool: string): Batcher {
    const existing = batchers.get(pool);
    if (existing !== undefined) return existing;
    const batcher = startBatcher(options, pool, () => batchers.delete(pool));
    batchers.set(pool, batcher);
    return batcher;
  }

  return {
    async allocate(request, { deadlineMs = DEFAULT_DEADLINE_MS } = {}) {
      requireValidRequest(request);
      if (closed) throw new LedgerError('LEDGER_CLOSED', 'This process hands out no more addresses');
      return new Promise((resolve, reject) => {
        const waiter: Waiter = {
          request,
          settled: false,
          lastError: undefined,
          settle: (result) => {
            if (waiter.settled) return;
            waiter.settled = true;
            clearTimeout(timer);
            if (isLedgerError(result)) reject(result);
            else resolve(result);
          },
        };
        const timer = setTimeout(() => {
          waiter.settle(waiter.lastError ?? deadlineError(request.pool, deadlineMs));
        }, deadlineMs);
        batcherOf(request.pool).add(waiter);
      });
    },
    async close() {
      closed = true;
      await Promise.all([...batchers.values()].map(({ done }) => done));
    },
  };
}

/** Starts a batcher, which ends and calls `onEnd` when no request waits any more. */
function startBatcher(options: AllocatorOptions, pool: string, onEnd: () => void): Batcher {
  const { maxGroup = 128, maxQueue = 2_048 } = options;
  const waiting: Waiter[] = [];

  async function sendGroups(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const group = waiting.splice(0, maxGroup);
      if (group.length === 0) break;
      const retries = await sendGroup(
        options,
        pool,
        group.filter((waiter) => !waiter.settled),
      );
      waiting.unshift(...retries);
      if (retries.some((waiter) => waiter.lastError !== undefined)) {
        await sleep(pauseMs * (0.5 + Math.random() / 2));
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
      } else pauseMs = FIRST_PAUSE_MS;
    }
    onEnd();
  }

  const { promise: done, resolve } = Promise.withResolvers<undefined>();
  // In a microtask, so all requests of this turn are in the first group.
  queueMicrotask(() => {
    void sendGroups().finally(() => {
      resolve(undefined);
    });
  });
  return {
    done,
    add(waiter) {
      if (waiting.length >= maxQueue) {
        const what = `${String(waiting.length)} requests already wait for pool ${pool} in this process`;
        waiter.settle(new LedgerError('LEDGER_OVERLOADED', what));
      } else waiting.push(waiter);
    },
  };
}

/** Settles each waiter that has a final result and returns those to retry. Never throws. */
async function sendGroup(options: AllocatorOptions, pool: string, group: readonly Waiter[]): Promise<Waiter[]> {
  if (group.length === 0) return [];
  const results = await allocateGroup(options, pool, group);
  return group.filter((waiter, index) => {
    const result = results[index] ?? new LedgerError('LEDGER_FAILED', 'The ledger returned no result for a request');
    waiter.lastError = isLedgerError(result) ? result : undefined;
    if (mayRetry(result)) return !waiter.settled;
    waiter.settle(result);
    return false;
  });
}

async function allocateGroup(
  { db, leaseSeconds }: AllocatorOptions,
  pool: string,
  group: readonly Waiter[],
): Promise<(AllocationOutcome | LedgerError)[]> {
  try {
    const requests = group.map(({ request }) => request);
    const outcomes = await runOneByOne(requests, (some) => allocate(db, pool, some, { leaseSeconds }));
    return outcomes.map(invalidToError);
  } catch (error) {
    const ledgerError = toLedgerError(error, `allocate from ${pool}`);
    return group.map(() => ledgerError);
  }
}

/**
 * Returns true if the request may be sent again. After `retry` the cursor moves on in the next call. After a transient
 * error the same key finds the stored result.
 */
function mayRetry(result: AllocationOutcome | LedgerError): boolean {
  return isLedgerError(result) ? result.retryable : result.outcome === 'retry';
}

function invalidToError(outcome: AllocationOutcome | Invalid): AllocationOutcome | LedgerError {
  return outcome.outcome === 'invalid'
    ? new LedgerError('BAD_REQUEST', `The ledger refused a value: ${outcome.why}`)
    : outcome;
}

function deadlineError(pool: string, deadlineMs: number): LedgerError {
  return new LedgerError(
    'LEDGER_TIMEOUT',
    `The ledger did not complete a request for pool ${pool} within ${String(deadlineMs)} ms`,
  );
}
