import { z } from 'zod';
import type { Backend } from '../backend.ts';
import type { GlobalOptions } from '../cli.ts';
import { openLedger, type LedgerClient } from '../../ledger/connection/connect.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { requireSchema } from '../../ledger/migrate.ts';
import type { EmbeddedFolder } from './embedded/folder.ts';
import { findLedger, type LedgerPlace } from './find-ledger.ts';
import { createLedgerBackend } from './ledger-backend.ts';

const CONNECT_MS = 5_000;
const STATEMENT_MS = 10_000;

/** For what reads or writes the whole ledger. */
export const LONG_STATEMENT_MS = 3_600_000;

/** Opens the ledger that the options name for one use. */
export async function withLedger<T>(
  options: GlobalOptions,
  use: (ledger: LedgerClient, place: LedgerPlace) => Promise<T>,
  settings: { readonly statementTimeoutMs?: number } = {},
): Promise<T> {
  const place = await findLedger(options, process.env);
  const ledger = await openPlace(place, settings);
  try {
    return await use(ledger, place);
  } finally {
    await ledger.close();
  }
}

const flags = z.object({ dryRun: z.boolean().default(false) });

export async function openBackend(options: GlobalOptions): Promise<Backend> {
  const { dryRun } = flags.parse(options);
  return createLedgerBackend(await openPlace(await findLedger(options, process.env)), { dryRun });
}

/** Opens a ledger, starts it where it is ours to start, and refuses a schema that this program does not speak. */
export async function openPlace(
  place: LedgerPlace,
  { statementTimeoutMs = STATEMENT_MS }: { readonly statementTimeoutMs?: number } = {},
): Promise<LedgerClient> {
  const { url, passwordFile, embedded } = place;
  const named = openLedger({
    ...{ url, passwordFile, statementTimeoutMs },
    applicationName: 'rock-mac',
    max: 1,
    connectTimeoutMs: CONNECT_MS,
  });
  const ledger = embedded === undefined ? named : startedWhenAway(named, embedded.folder);
  try {
    await requireSchema(ledger);
    return ledger;
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

/**
 * The embedded ledger, which does not run after a reboot or a kill: a statement that finds it away starts it. The statement
 * itself is asked again only where it can have done nothing yet, on the way in; whoever asks for an address asks again by
 * its key.
 */
function startedWhenAway(ledger: LedgerClient, folder: EmbeddedFolder): LedgerClient {
  const start = async (error: unknown) => {
    if (!isLedgerError(error) || error.code !== 'LEDGER_UNAVAILABLE') throw error;
    const { ensureStarted } = await import('./embedded/server.ts');
    await ensureStarted(folder);
    return error;
  };
  let reached = false;
  return {
    ...ledger,
    query: async (statement) => {
      try {
        const rows = await ledger.query(statement);
        reached = true;
        return rows;
      } catch (error) {
        const away = await start(error);
        if (reached) throw away;
        return ledger.query(statement);
      }
    },
  };
}
