import { openLedger } from '../../ledger/connection/connect.ts';
import { migrate, PROGRAM_VERSION, schemaVersion, type Migrated } from '../../ledger/migrate.ts';
import type { GlobalOptions } from '../cli.ts';
import type { Terminal } from '../terminal.ts';
import { ensureStarted } from './embedded/server.ts';
import { findLedger, type LedgerPlace } from './find-ledger.ts';
import { saveBackup } from './save-backup.ts';

type Words = Pick<Terminal, 'tell' | 'progress'>;

export async function migrateLedger(
  options: GlobalOptions,
  { backup }: { readonly backup: boolean },
  terminal: Words,
): Promise<Migrated> {
  return migratePlace(await findLedger(options, process.env), terminal, { backup });
}

/** Brings the schema of a ledger up to this version, after a backup where an older one holds something. */
export async function migratePlace(
  place: LedgerPlace,
  terminal: Words,
  { backup = true }: { readonly backup?: boolean } = {},
): Promise<Migrated> {
  if (place.embedded !== undefined) await ensureStarted(place.embedded.folder);
  if (backup) await backupBefore(place, terminal);
  return migrate(place.url, { passwordFile: place.passwordFile });
}

async function backupBefore({ url, passwordFile }: LedgerPlace, terminal: Words): Promise<void> {
  const ledger = openLedger({
    ...{ url, passwordFile, max: 1, applicationName: 'rock-mac' },
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 600_000,
  });
  try {
    const { version } = await schemaVersion(ledger);
    if (version > 0 && version < PROGRAM_VERSION) await saveBackup(ledger, 'migration', terminal);
  } finally {
    await ledger.close();
  }
}
