import { z } from 'zod';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { requireSchema } from '../../ledger/migrate.ts';
import type { Backend } from '../backend.ts';
import type { GlobalOptions } from '../cli.ts';
import type { ConsoleSource } from '../console/source.ts';
import { createLedgerActions } from './console-actions.ts';
import { createLedgerConsoleData } from './console-data.ts';
import type { EmbeddedFolder } from './embedded/folder.ts';
import { serverUser } from './embedded/server-user.ts';
import { requireOwnSocketFolder } from './embedded/socket-folder.ts';
import { configuredLedger, describeLocation, findLedger, type LedgerLocation } from './find-ledger.ts';
import { createLedgerBackend } from './ledger-backend.ts';
import { requireDecision } from './predecessor-file.ts';

/** How long a user waits for an unreachable database. */
export const CONNECT_MS = 5_000;
const STATEMENT_MS = 10_000;

/** Time limit of statements that read or write the whole ledger: an hour. */
export const LONG_STATEMENT_MS = 3_600_000;

/** Opens the ledger that the options name, and closes it afterwards. */
export async function withLedger<T>(
  options: GlobalOptions,
  use: (ledger: LedgerClient, location: LedgerLocation) => Promise<T>,
  settings: { readonly statementTimeoutMs?: number } = {},
): Promise<T> {
  const location = await findLedger(options, process.env);
  const ledger = await openLocation(location, settings);
  try {
    return await use(ledger, location);
  } finally {
    await ledger.close();
  }
}

const flags = z.object({ dryRun: z.boolean().default(false) });

export async function openBackend(options: GlobalOptions): Promise<Backend> {
  const { dryRun } = flags.parse(options);
  const ledger = await openLocation(await findLedger(options, process.env));
  const beforeAllocation = async () => {
    const { config } = await configuredLedger(options, process.env);
    await requireDecision(ledger, config);
  };
  return createLedgerBackend(ledger, { dryRun, beforeAllocation });
}

/** How many calls of the console run in the ledger at once. */
const CONSOLE_CONNECTIONS = 4;

/** Opens what the console shows of the ledger that the options name. */
export async function openConsole(options: GlobalOptions): Promise<ConsoleSource> {
  const location = await findLedger(options, process.env);
  const ledger = await openLocation(location, { max: CONSOLE_CONNECTIONS });
  const data = createLedgerConsoleData(ledger, { place: describeLocation(location), now: () => new Date() });
  const beforeAllocation = async () => {
    await requireDecision(ledger, (await configuredLedger(options, process.env)).config);
  };
  const backend = createLedgerBackend(ledger, { dryRun: false, beforeAllocation });
  return { ...data, actions: createLedgerActions(ledger, backend, data), close: () => ledger.close() };
}

/** Opens a ledger. Starts the embedded one on demand. Throws a LedgerError for a schema that does not fit. */
export async function openLocation(
  location: LedgerLocation,
  { statementTimeoutMs = STATEMENT_MS, max = 1 }: { readonly statementTimeoutMs?: number; readonly max?: number } = {},
): Promise<LedgerClient> {
  const { url, passwordFile, embedded } = location;
  if (embedded !== undefined) await requireOwnSocketFolder(embedded.folder.run, await serverUser());
  const client = openLedger({
    url,
    passwordFile,
    statementTimeoutMs,
    applicationName: 'rock-mac',
    max,
    connectTimeoutMs: CONNECT_MS,
  });
  const ledger = embedded === undefined ? client : startOnDemand(client, embedded.folder);
  try {
    await requireSchema(ledger);
    return ledger;
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

/**
 * Starts the embedded ledger when a statement cannot reach it, as after a reboot or a kill. Only the first statement is
 * then repeated, because a later one may already have taken effect. Allocations are retried by their keys.
 */
function startOnDemand(ledger: LedgerClient, folder: EmbeddedFolder): LedgerClient {
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
        const unavailable = await start(error);
        if (reached) throw unavailable;
        return ledger.query(statement);
      }
    },
  };
}
