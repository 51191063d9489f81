import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { isLedgerError, messageOf } from '../../ledger/errors.ts';
import { readLegacyAllocations } from '../../ledger/import/predecessor-sqlite.ts';
import { type LegacySummary, summarizeLegacy } from '../../ledger/import/summary.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { UserError } from '../errors.ts';
import { formatMinutes } from '../output/time.ts';
import { type ConfigFile, expandHome } from './config-file.ts';
import { readDecision } from './import-decisions.ts';

const DEFAULT_FILE = '~/.rock/mac-dispenser.db';

/** Returns the path of the predecessor's file: the one that its configuration names, else its default. */
export function predecessorPath(config: ConfigFile | undefined): string {
  return path.resolve(expandHome(config?.legacy?.databasePath ?? DEFAULT_FILE));
}

/** Returns the path of the predecessor's file if this machine has one. */
export async function findPredecessorFile(config: ConfigFile | undefined): Promise<string | undefined> {
  const file = predecessorPath(config);
  const found = await stat(file).catch(() => undefined);
  return found === undefined ? undefined : file;
}

/** What is known about a file that nobody has decided about. */
export type UndecidedFile =
  { readonly file: string; readonly summary: LegacySummary } | { readonly file: string; readonly unreadable: string };

/** Returns the predecessor's file if it has addresses and nobody has decided about it for this ledger. */
export async function undecidedFile(
  ledger: Queryable,
  config: ConfigFile | undefined,
): Promise<UndecidedFile | undefined> {
  const file = await findPredecessorFile(config);
  if (file === undefined) return undefined;
  const { ledgerId } = await ledgerState(ledger);
  if ((await readDecision(file, ledgerId)) !== undefined) return undefined;
  try {
    const summary = summarizeLegacy(await readLegacyAllocations(file));
    return summary.total === 0 ? undefined : { file, summary };
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    return { file, unreadable: messageOf(error.cause ?? error) };
  }
}

/**
 * Throws a UserError while nobody has decided about the predecessor's file. The ledger does not know the addresses in
 * it, so it would hand them out a second time.
 */
export async function requireDecision(ledger: Queryable, config: ConfigFile | undefined): Promise<void> {
  const undecided = await undecidedFile(ledger, config);
  if (undecided === undefined) return;
  throw new UserError(
    `Nothing is handed out before you decide about ${undecided.file}, the file of the predecessor: this ledger does not know its addresses.`,
    'Import it with `rock-mac import`, or leave it out for good with `rock-mac init --no-import`.',
    'unavailable',
  );
}

/** Returns lines that say what is in the file and how to decide about it. */
export function describeUndecided(undecided: UndecidedFile): string[] {
  const decide =
    'Nothing is handed out before you decide. Import them with `rock-mac init --import`, or leave them out for good with `rock-mac init --no-import`.';
  const { file } = undecided;
  if ('unreadable' in undecided) {
    return [`${file} cannot be read as the SQLite file of the predecessor (${undecided.unreadable}).`, decide];
  }
  const { total, pools, newest } = undecided.summary;
  return [
    `${file}, the file of the predecessor, has ${String(total)} address(es) that this ledger does not know:`,
    ...pools.map(({ pool, states }) => `  ${pool}: ${countsText(states)}`),
    ...(newest === undefined ? [] : [`The newest is of ${formatMinutes(newest)}.`]),
    decide,
  ];
}

function countsText(states: Readonly<Record<string, number>>): string {
  return Object.entries(states)
    .map(([state, count]) => `${count.toLocaleString('en-US')} ${state}`)
    .join(', ');
}
