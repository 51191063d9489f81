import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { DEFAULT_PREFIX, defaultPoolsUnder } from '../../api/default-pools.ts';
import { prefixList } from '../../api/environment.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { migrate, type Migrated, PROGRAM_VERSION, schemaVersion } from '../../ledger/migrate.ts';
import { listPrefixes } from '../../ledger/pool/prefixes.ts';
import { isUsed } from '../../ledger/state/is-used.ts';
import type { MacPrefix, Prefixes } from '../../mac/mac-range.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { currentUser } from './current-user.ts';
import { ensureStarted } from './embedded/server.ts';
import { findLedger, type LedgerLocation } from './find-ledger.ts';
import { startUnder } from './new-ledger.ts';
import { CONNECT_MS, LONG_STATEMENT_MS, openLocation } from './open.ts';
import { addNamed } from './prefixes.ts';
import { saveBackup } from './write-backup.ts';

/** The reason of the prefixes that the installation names, for the audit. */
const WHY_PREFIX = 'named by ROCK_MAC_PREFIXES';

type Notifier = Pick<Terminal, 'notify' | 'progress'>;

/** Upgrades the schema of the ledger that the options name. */
export async function migrateLedger(
  options: GlobalOptions,
  { backup, isNamed }: { readonly backup: boolean; readonly isNamed: boolean },
  terminal: Notifier,
): Promise<Migrated> {
  const location = (isNamed ? undefined : await ownerLocation(process.env)) ?? (await findLedger(options, process.env));
  const migrated = await migrateLocation(location, terminal, { backup });
  await addInstalledPrefixes(location, terminal);
  return migrated;
}

/**
 * Adds the prefixes of ROCK_MAC_PREFIXES that the ledger lacks. A new ledger gets only these. The ledger is the authority, so programs
 * start without a prefix that it refuses: one that overlaps another, or that this login may not add.
 */
async function addInstalledPrefixes(location: LedgerLocation, terminal: Notifier): Promise<void> {
  const wanted = prefixList.parse(process.env['ROCK_MAC_PREFIXES'] ?? '');
  if (wanted.length === 0) return;
  const ledger = await openLocation(location);
  try {
    await startIfNew(ledger, wanted);
    const known = await prefixesOf(ledger);
    for (const prefix of wanted.filter((each) => !known.includes(each))) {
      terminal.notify(await addNamed(ledger, { prefix }, WHY_PREFIX).catch(orSayWhy(prefix)));
    }
  } finally {
    await ledger.close();
  }
}

/**
 * Gives the prefixes to a ledger that nobody has used, and whose prefix is still the one that it was created with. Also to one that an
 * earlier call created before it ended too soon.
 */
async function startIfNew(ledger: LedgerClient, wanted: Prefixes): Promise<void> {
  const known = await prefixesOf(ledger);
  if (known.some((prefix) => prefix !== DEFAULT_PREFIX) || (await isUsed(ledger))) return;
  try {
    const pools = defaultPoolsUnder(wanted);
    await ledger.transaction((transaction) =>
      startUnder(transaction, wanted, pools, { actor: currentUser(), reason: WHY_PREFIX }),
    );
  } catch (error) {
    // Another program has just done it, or somebody has used the ledger or defined a pool.
    if (!isRefused(error)) throw error;
  }
}

async function prefixesOf(ledger: LedgerClient): Promise<Prefixes> {
  return (await listPrefixes(ledger)).map(({ prefix }) => prefix);
}

function orSayWhy(prefix: MacPrefix): (error: unknown) => string {
  return (error) => {
    if (!isRefused(error)) throw error;
    if (error instanceof UserError && error.exit === 'conflict') return error.message;
    return `The ledger does not have the prefix ${prefix}, and this login may not add it. Run \`rock-mac prefix add ${prefix}\` with the login of its owner.`;
  };
}

function isRefused(error: unknown): boolean {
  if (error instanceof UserError) return error.exit === 'conflict' || error.exit === 'forbidden';
  return isLedgerError(error) && error.code === 'LEDGER_NOT_ALLOWED';
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
