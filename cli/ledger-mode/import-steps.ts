import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { importAddresses, type ImportItem, type ImportOutcome } from '../../ledger/address/import-addresses.ts';
import type { OnRows } from '../../ledger/backup/backup.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { backoffMs } from '../../time/backoff.ts';
import { UserError } from '../errors.ts';
import type { Conflict } from '../import/conflicts.ts';
import type { ImportEntry } from '../import/entries.ts';
import { decide, type Decided } from '../import/plan.ts';

export interface StepSettings {
  readonly write: boolean;
  readonly update: boolean;
  readonly reserved: boolean;
  readonly overrideDelay: boolean;
  readonly actor: string;
  /** Why, for the audit. Default: the name of the file. */
  readonly reason: string | undefined;
}

export interface Steps {
  readonly decided: readonly Decided[];
  readonly conflicts: readonly Conflict[];
}

/** Addresses in one call. Their pools are locked for its duration, and pods that wait for an address give up after half a second. */
const BATCH = 500;

/** How often a call is repeated that failed for a moment, as at a failover. A repeated call finds its first result. */
const TRIES = 8;
const BACKOFF = { baseMs: 100, maxMs: 5_000 };

/**
 * Plans or writes entries, in batches that are a transaction each. Stops between two of them when the signal fires. `onRows` hears of
 * each batch that is done, also if a later one fails.
 */
export async function runSteps(
  ledger: Queryable,
  entries: readonly ImportEntry[],
  settings: StepSettings,
  { onRows, signal }: { readonly onRows: OnRows; readonly signal?: AbortSignal },
): Promise<Steps> {
  const decided: Decided[] = [];
  const conflicts: Conflict[] = [];
  for (let from = 0; from < entries.length && signal?.aborted !== true; from += BATCH) {
    const batch = entries.slice(from, from + BATCH);
    const items = batch.map((entry) => itemOf(entry, settings));
    const outcomes = await withRetries(() => importAddresses(ledger, items, settings));
    for (const [index, entry] of batch.entries()) {
      const decision = decide(entry, await openOutcome(ledger, outcomes[index]));
      if (decision.kind === 'conflict') conflicts.push(decision.conflict);
      else decided.push(decision);
    }
    onRows(from + batch.length, entries.length);
  }
  return { decided, conflicts };
}

function itemOf(entry: ImportEntry, { reserved, overrideDelay, reason }: StepSettings): ImportItem {
  const { mac, deviceId, deviceType, defaultType, metadata, place } = entry;
  const state = reserved || entry.reserved === true ? 'reserved' : 'active';
  const why = reason ?? `imported from ${path.basename(place.file)}`;
  return { mac, deviceId, deviceType, defaultType, metadata, state, overridesDelay: overrideDelay, reason: why };
}

/** Returns the outcome of an entry. Throws a UserError if there is none because the ledger is closed. */
async function openOutcome(ledger: Queryable, outcome: ImportOutcome | undefined) {
  if (outcome === undefined) throw new Error('the ledger returned fewer outcomes than entries');
  if (outcome.outcome !== 'not_open') return outcome;
  const { closed } = await ledgerState(ledger);
  throw new UserError('The ledger hands out nothing now.', closed?.message ?? 'Try again.', 'unavailable');
}

async function withRetries<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!isLedgerError(error) || !error.retryable || attempt + 1 >= TRIES) throw error;
      await sleep(backoffMs(attempt, BACKOFF, Math.random));
    }
  }
}
