import { Client } from 'pg';
import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';

/** What a number of callers, each with one question at a time, got done. */
export interface Measured {
  readonly perSecond: number;
  /** Milliseconds that each question took, in rising order. */
  readonly latencies: readonly number[];
}

/** Runs `callers` loops until the time is over; a caller may be made to stop after so many turns. */
export async function measure(
  options: { readonly callers: number; readonly ms: number; readonly turns?: number },
  ask: (caller: number) => Promise<unknown>,
): Promise<Measured> {
  const { callers, ms, turns = Infinity } = options;
  const latencies: number[] = [];
  const start = performance.now();
  const loop = async (caller: number) => {
    for (let turn = 0; turn < turns && performance.now() - start < ms; turn++) {
      const asked = performance.now();
      await ask(caller);
      latencies.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)));
  const seconds = (performance.now() - start) / 1_000;
  return { perSecond: latencies.length / seconds, latencies: latencies.sort((a, b) => a - b) };
}

/** Callers who ask one pool for addresses, in groups as in a running program. Every answer must be a new address. */
export async function measureAllocations(
  db: LedgerClient,
  options: { readonly callers: number; readonly ms: number; readonly turns?: number },
  next: () => AllocationRequest,
): Promise<Measured> {
  const allocator = createAllocator({ db, leaseSeconds: 3_600 });
  const measured = await measure(options, async () => {
    const answer = await allocator.allocate(next(), { deadlineMs: 30_000 });
    if (answer.outcome !== 'allocated') throw new Error(`not allocated: ${JSON.stringify(answer)}`);
  });
  await allocator.close();
  return measured;
}

/** What the same Postgres can commit at best: one row in each transaction, into a table without anything else. */
export async function openOneRowWriters(url: string, connections: number) {
  const clients = Array.from({ length: connections }, () => new Client({ connectionString: url }));
  for (const client of clients) await client.connect();
  await clients[0]?.query(
    'create table public.one_row (id bigint generated always as identity primary key, text text not null)',
  );
  return {
    measure: (ms: number) =>
      measure({ callers: connections, ms }, (caller) =>
        Promise.resolve(clients[caller]?.query('insert into public.one_row (text) values ($1)', ['x'])),
      ),
    close: async () => {
      for (const client of clients) await client.end();
    },
  };
}

export function median(values: readonly number[]): number {
  return percentile(
    [...values].sort((a, b) => a - b),
    50,
  );
}

/** Far from the median, it shows that some values belong to another case. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}

/** Of values in rising order. */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}
