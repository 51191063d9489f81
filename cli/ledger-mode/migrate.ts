import { openLedger } from '../../ledger/connection/connect.ts';
import { migrate, PROGRAM_VERSION, schemaVersion, type Migrated } from '../../ledger/migrate.ts';
import type { GlobalOptions } from '../cli.ts';
import type { Terminal } from '../terminal.ts';
import { ensureStarted } from './embedded/server.ts';
import { findLedger, type LedgerLocation } from './find-ledger.ts';
import { CONNECT_MS, LONG_STATEMENT_MS } from './open.ts';
import { saveBackup } from './write-backup.ts';

type Notifier = Pick<Terminal, 'notify' | 'progress'>;

/** Upgrades the schema of the ledger that the options name. */
export async function migrateLedger(
  options: GlobalOptions,
  { backup }: { readonly backup: boolean },
  terminal: Notifier,
): Promise<Migrated> {
  return migrateLocation(await findLedger(options, process.env), terminal, { backup });
}

/** Upgrades the schema of a ledger to this version, after a backup if it has an older schema. */
export async function migrateLocation(
  location: LedgerLocation,
  terminal: Notifier,
  { backup = true }: { readonly backup?: boolean } = {},
): Promise<Migrated> {
  if (location.embedded !== undefined) await ensureStarted(location.embedded.folder);
  if (backup) await backupBefore(location, terminal);
  return migrate(location.url, { passwordFile: location.passwordFile });
}

async function backupBefore({ url, passwordFile }: LedgerLocation, terminal: Notifier): Promise<void> {
  const ledger = openLedger({
    url,
    passwordFile,
    max: 1,
    applicationName: 'rock-mac',
    connectTimeoutMs: CONNECT_MS,
    statementTimeoutMs: LONG_STATEMENT_MS,
  });
  try {
    const { version } = await schemaVersion(ledger);
    if (version > 0 && version < PROGRAM_VERSION) await saveBackup(ledger, 'migration', terminal);
  } finally {
    await ledger.close();
  }
}
