import { setTimeout as sleep } from 'node:timers/promises';
import { allocate, requireValidRequest, type AllocationOutcome, type AllocationRequest } from './allocate.ts';
import { isLedgerError, LedgerError, toLedgerError } from '../errors.ts';
import type { Queryable } from '../connection/statement.ts';
import { askApart, type Invalid } from './validate.ts';

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
interface Asker {
  readonly request: AllocationRequest;
  /** Set once; afterwards a late answer of the ledger is of no use to anybody. */
  settled: boolean;
  lastError: LedgerError | undefined;
  readonly answer: (result: AllocationOutcome | LedgerError) => void;
}

/** Those who wait for one pool. One group of them is at the ledger at a time, the others gather for the next. */
interface Lane {
  readonly pool: string;
  waiting: Asker[];
  pauseMs: number;
  readonly done: Promise<void>;
}

export function createAllocator(options: AllocatorOptions): Allocator {
  const { maxGroup = 128, maxQueue = 2_048 } = options;
  const lanes = new Map<string, Lane>();
  let closed = false;

  function join(asker: Asker): void {
    const { pool } = asker.request;
    const lane = lanes.get(pool) ?? openLane(pool);
    if (lane.waiting.length >= maxQueue) {
      const what = `${String(lane.waiting.length)} requests already wait for pool ${pool} in this process`;
      asker.answer(new LedgerError('LEDGER_OVERLOADED', what));
      return;
    }
    lane.waiting.push(asker);
  }

  function openLane(pool: string): Lane {
    const { promise: done, resolve } = Promise.withResolvers<undefined>();
    const lane: Lane = { pool, waiting: [], pauseMs: FIRST_PAUSE_MS, done: done.then(() => undefined) };
    lanes.set(pool, lane);
    // In a microtask, so that everybody who asks in this turn is in the first group.
    queueMicrotask(() => {
      void serve(lane).finally(() => {
        resolve(undefined);
      });
    });
    return lane;
  }

  async function serve(lane: Lane): Promise<void> {
    for (;;) {
      const group = lane.waiting.splice(0, maxGroup);
      if (group.length === 0) break;
      const again = await answerGroup(
        lane.pool,
        group.filter((asker) => !asker.settled),
      );
      lane.waiting.unshift(...again);
      if (again.some((asker) => asker.lastError !== undefined)) await pause(lane);
      else lane.pauseMs = FIRST_PAUSE_MS;
    }
    lanes.delete(lane.pool);
  }

  /** Answers whom it can and returns those who have to ask again. Never throws. */
  async function answerGroup(pool: string, group: readonly Asker[]): Promise<Asker[]> {
    if (group.length === 0) return [];
    const results = await ask(pool, group);
    return group.filter((asker, index) => {
      const result = results[index] ?? new LedgerError('LEDGER_FAILED', 'The ledger left a question out');
      asker.lastError = isLedgerError(result) ? result : undefined;
      if (mayAskAgain(result)) return !asker.settled;
      asker.answer(result);
      return false;
    });
  }

  async function ask(pool: string, group: readonly Asker[]): Promise<(AllocationOutcome | LedgerError)[]> {
    const { db, leaseSeconds } = options;
    try {
      const answers = await askApart(group, (askers) =>
        allocate(
          db,
          pool,
          askers.map((asker) => asker.request),
          { leaseSeconds },
        ),
      );
      return answers.map(invalidToError);
    } catch (error) {
      const ledgerError = toLedgerError(error, `allocate from ${pool}`);
      return group.map(() => ledgerError);
    }
  }

  async function pause(lane: Lane): Promise<void> {
    const ms = lane.pauseMs * (0.5 + Math.random() / 2);
    lane.pauseMs = Math.min(LONGEST_PAUSE_MS, lane.pauseMs * 2);
    await sleep(ms);
  }

  return {
    async allocate(request, { deadlineMs = DEFAULT_DEADLINE_MS } = {}) {
      requireValidRequest(request);
      if (closed) throw new LedgerError('LEDGER_CLOSED', 'No new addresses are handed out here any more');
      return new Promise((resolve, reject) => {
        const asker: Asker = {
          request,
          settled: false,
          lastError: undefined,
          answer: (result) => {
            if (asker.settled) return;
            asker.settled = true;
            clearTimeout(timer);
            if (isLedgerError(result)) reject(result);
            else resolve(result);
          },
        };
        const timer = setTimeout(() => {
          asker.answer(asker.lastError ?? tooLate(request.pool, deadlineMs));
        }, deadlineMs);
        join(asker);
      });
    },
    async close() {
      closed = true;
      await Promise.all([...lanes.values()].map((lane) => lane.done));
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
