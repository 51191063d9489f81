import { setTimeout as sleep } from 'node:timers/promises';
import { allocate, requireValidRequest, type AllocationOutcome, type AllocationRequest } from './allocate.ts';
import { isLedgerError, LedgerError, toLedgerError } from '../errors.ts';
import type { Queryable } from '../connection/statement.ts';
import { runOneByOne, type Invalid } from './validate.ts';

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
  readonly answer: (result: AllocationOutcome | LedgerError) => void;
}

/** The waiting requests of one pool. One group is sent at a time; the others collect for the next group. */
interface Batcher {
  readonly pool: string;
  waiting: Waiter[];
  pauseMs: number;
  readonly done: Promise<void>;
}

export function createAllocator(options: AllocatorOptions): Allocator {
  const { maxGroup = 128, maxQueue = 2_048 } = options;
  const lanes = new Map<string, Batcher>();
  let closed = false;

  function join(waiter: Waiter): void {
    const { pool } = waiter.request;
    const batcher = lanes.get(pool) ?? openBatcher(pool);
    if (batcher.waiting.length >= maxQueue) {
      const what = `${String(batcher.waiting.length)} requests already wait for pool ${pool} in this process`;
      waiter.answer(new LedgerError('LEDGER_OVERLOADED', what));
      return;
    }
    batcher.waiting.push(waiter);
  }

  function openBatcher(pool: string): Batcher {
    const { promise: done, resolve } = Promise.withResolvers<undefined>();
    const batcher: Batcher = { pool, waiting: [], pauseMs: FIRST_PAUSE_MS, done: done.then(() => undefined) };
    lanes.set(pool, batcher);
    // In a microtask, so all requests of this turn are in the first group.
    queueMicrotask(() => {
      void serve(batcher).finally(() => {
        resolve(undefined);
      });
    });
    return batcher;
  }

  async function serve(batcher: Batcher): Promise<void> {
    for (;;) {
      const group = batcher.waiting.splice(0, maxGroup);
      if (group.length === 0) break;
      const again = await answerGroup(
        batcher.pool,
        group.filter((waiter) => !waiter.settled),
      );
      batcher.waiting.unshift(...again);
      if (again.some((waiter) => waiter.lastError !== undefined)) await pause(batcher);
      else batcher.pauseMs = FIRST_PAUSE_MS;
    }
    lanes.delete(batcher.pool);
  }

  /** Settles each waiter that has a final result and returns those to retry. Never throws. */
  async function answerGroup(pool: string, group: readonly Waiter[]): Promise<Waiter[]> {
    if (group.length === 0) return [];
    const results = await ask(pool, group);
    return group.filter((waiter, index) => {
      const result = results[index] ?? new LedgerError('LEDGER_FAILED', 'The ledger returned no result for a request');
      waiter.lastError = isLedgerError(result) ? result : undefined;
      if (mayAskAgain(result)) return !waiter.settled;
      waiter.answer(result);
      return false;
    });
  }

  async function ask(pool: string, group: readonly Waiter[]): Promise<(AllocationOutcome | LedgerError)[]> {
    const { db, leaseSeconds } = options;
    try {
      const answers = await runOneByOne(group, (askers) =>
        allocate(
          db,
          pool,
          askers.map((waiter) => waiter.request),
          { leaseSeconds },
        ),
      );
      return answers.map(invalidToError);
    } catch (error) {
      const ledgerError = toLedgerError(error, `allocate from ${pool}`);
      return group.map(() => ledgerError);
    }
  }

  async function pause(batcher: Batcher): Promise<void> {
    const ms = batcher.pauseMs * (0.5 + Math.random() / 2);
    batcher.pauseMs = Math.min(LONGEST_PAUSE_MS, batcher.pauseMs * 2);
    await sleep(ms);
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
          answer: (result) => {
            if (waiter.settled) return;
            waiter.settled = true;
            clearTimeout(timer);
            if (isLedgerError(result)) reject(result);
            else resolve(result);
          },
        };
        const timer = setTimeout(() => {
          waiter.answer(waiter.lastError ?? tooLate(request.pool, deadlineMs));
        }, deadlineMs);
        join(waiter);
      });
    },
    async close() {
      closed = true;
      await Promise.all([...lanes.values()].map((batcher) => batcher.done));
    },
  };
}

/**
 * Returns true if the request may be sent again. After `retry` the cursor moves on in the next call. After a transient
 * error the same key finds the stored result.
 */
function mayAskAgain(result: AllocationOutcome | LedgerError): boolean {
  return isLedgerError(result) ? result.retryable : result.outcome === 'retry';
}

function invalidToError(answer: AllocationOutcome | Invalid): AllocationOutcome | LedgerError {
  return answer.outcome === 'invalid'
    ? new LedgerError('BAD_REQUEST', `The ledger refused a value: ${answer.why}`)
    : answer;
}

function tooLate(pool: string, deadlineMs: number): LedgerError {
  return new LedgerError(
    'LEDGER_TIMEOUT',
    `The ledger did not complete a request for pool ${pool} within ${String(deadlineMs)} ms`,
  );
}
