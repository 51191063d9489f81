import { setTimeout as sleep } from 'node:timers/promises';
import { allocate, requireValidRequest, type AllocationOutcome, type AllocationRequest } from './allocate.ts';
import { isLedgerError, LedgerError, toLedgerError } from '../errors.ts';
import type { Queryable } from '../connection/statement.ts';
import { runOneByOne, type Invalid } from './validate.ts';

export interface AllocatorOptions {
  readonly db: Queryable;
  /** How long a pending address waits for its object. */
  readonly leaseSeconds: number;
  /** Requests in one round trip. Larger groups are hardly faster and make everyone in them wait longer. */
  readonly maxGroup?: number;
  /** Requests that may wait for one pool; more are refused, so that a slow ledger does not fill the memory. */
  readonly maxQueue?: number;
}

export interface Allocator {
  /**
   * Asks for one address together with others that wait for the same pool. Errors that pass by asking again (a lost
   * connection, a time-out, a dead-lock) are asked again with the same key until the deadline (3,000 ms when not given),
   * so an unknown COMMIT is answered with the address that it stored.
   *
   * Throws LedgerError: BAD_REQUEST, LEDGER_OVERLOADED (queue full), LEDGER_CLOSED, or at the deadline the last error.
   */
  allocate(request: AllocationRequest, options?: { readonly deadlineMs?: number }): Promise<AllocationOutcome>;
  /** Takes no more questions and resolves when all that wait have their answers. */
  close(): Promise<void>;
}

const DEFAULT_DEADLINE_MS = 3_000;

/** Pauses after an error, in milliseconds: doubled each time, with jitter so that processes do not come back as one. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** Somebody who waits for an answer. */
interface Waiter {
  readonly request: AllocationRequest;
  /** Set once; afterwards a late answer of the ledger is of no use to anybody. */
  settled: boolean;
  lastError: LedgerError | undefined;
  readonly answer: (result: AllocationOutcome | LedgerError) => void;
}

/** Those who wait for one pool. One group of them is at the ledger at a time, the others gather for the next. */
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
    // In a microtask, so that everybody who asks in this turn is in the first group.
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

  /** Answers whom it can and returns those who have to ask again. Never throws. */
  async function answerGroup(pool: string, group: readonly Waiter[]): Promise<Waiter[]> {
    if (group.length === 0) return [];
    const results = await ask(pool, group);
    return group.filter((waiter, index) => {
      const result = results[index] ?? new LedgerError('LEDGER_FAILED', 'The ledger left a question out');
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
      if (closed) throw new LedgerError('LEDGER_CLOSED', 'No new addresses are handed out here any more');
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

/** `retry`: the cursor walks on in the next call. An error that may pass: the same key finds out what became of it. */
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
    `The ledger did not answer a request for pool ${pool} within ${String(deadlineMs)} ms`,
  );
}
