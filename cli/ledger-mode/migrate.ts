import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { openLedger } from '../../ledger/connection/connect.ts';
import { migrate, type Migrated, PROGRAM_VERSION, schemaVersion } from '../../ledger/migrate.ts';
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
  { backup, isNamed }: { readonly backup: boolean; readonly isNamed: boolean },
  terminal: Notifier,
): Promise<Migrated> {
  const location = (isNamed ? undefined : await ownerLocation(process.env)) ?? (await findLedger(options, process.env));
  return migrateLocation(location, terminal, { backup });
}

/**
 * Returns the ledger with the login of its owner, where the programs have another one. A missing file means that they have
 * not: the chart names the file of a key that the Secret may lack.
 */
async function ownerLocation(env: NodeJS.ProcessEnv): Promise<LedgerLocation | undefined> {
  const { ROCK_MAC_MIGRATION_URL: named = '', ROCK_MAC_MIGRATION_URL_FILE: file = '' } = env;
  const url = named === '' && file !== '' && existsSync(file) ? (await readFile(file, 'utf8')).trim() : named;
  return url === '' ? undefined : { url, source: 'ROCK_MAC_MIGRATION_URL' };
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
