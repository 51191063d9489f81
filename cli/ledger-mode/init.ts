import { writeFile } from 'node:fs/promises';
import { defaultPoolsUnder } from '../../api/default-pools.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { listPrefixes } from '../../ledger/pool/prefixes.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { type MacPrefix, prefixBits, type Prefixes } from '../../mac/mac-range.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { watchInterruption } from '../interruption.ts';
import type { Terminal } from '../terminal.ts';
import type { ConfigFile } from './config-file.ts';
import { type Author, currentUser } from './current-user.ts';
import { createDataFolder, createFolder } from './embedded/create.ts';
import { type EmbeddedFolder, embeddedUrl, findEmbedded, type Marker } from './embedded/folder.ts';
import { withLock } from './embedded/lock.ts';
import { ensureReader } from './embedded/reader.ts';
import { startLocked, stop } from './embedded/server.ts';
import { configuredLedger, describeLocation, type LedgerLocation } from './find-ledger.ts';
import { importInto } from './import.ts';
import { recordDecision } from './import-decisions.ts';
import { migrateLocation } from './migrate.ts';
import { configureLedger, type Slice, sliceLedger, startUnder } from './new-ledger.ts';
import { LONG_STATEMENT_MS, openLocation } from './open.ts';
import { describeUndecided, findPredecessorFile, predecessorPath, undecidedFile } from './predecessor-file.ts';

/** How long another `rock-mac init` may hold the lock. initdb takes a second or two, and longer on a slow disk. */
const LOCK_MS = 120_000;

/** What a new ledger manages. Default: the default pools under the default prefix. */
interface InitOptions {
  readonly prefixes?: Prefixes | undefined;
  readonly slice?: Slice | undefined;
  /** Whether the predecessor's file is imported (true) or declined (false). Without it, the file is only mentioned. */
  readonly imports?: boolean | undefined;
  /** Why, for the audit of pools, prefixes and addresses. */
  readonly reason?: string | undefined;
}

/** Creates a ledger in the configured database, else the embedded one in the user's home. Can be repeated. */
export async function initLedger(
  options: GlobalOptions,
  init: InitOptions,
  terminal: Pick<Terminal, 'notify' | 'progress'>,
): Promise<void> {
  const { slice } = init;
  const { location: configured, config } = await configuredLedger(options, process.env);
  refuseLostReason(init, config);
  const work = async (location: LedgerLocation) => {
    await fillLedger(location, config, init, terminal);
  };
  if (configured !== undefined) return work(configured);
  const known = await findEmbedded();
  if (known !== undefined) {
    refuseOtherSlice(known.marker, slice);
    return work(await startEmbedded(known.folder, known.marker, terminal));
  }
  const folder = await createFolder();
  const marker: Marker = { version: 1, ...(slice === undefined ? {} : { slice }) };
  await orLeaveNothingRunning(folder, async () => work(await startEmbedded(folder, marker, terminal)));
}

/** Refuses a reason that would be in no entry of the audit: nobody changed the pools and the prefix of a new ledger. */
function refuseLostReason({ reason, prefixes, slice, imports }: InitOptions, config: ConfigFile | undefined): void {
  const isKept = prefixes !== undefined || slice !== undefined || imports === true || config?.legacy !== undefined;
  if (reason === undefined || isKept) return;
  throw new UserError(
    'A new ledger with its default pools is no entry of the audit, so nothing would have this reason.',
    'Leave --reason out. It is for --prefix, --pool, --import and a configuration file.',
    'usage',
  );
}

/** Stops the server if the first init fails or is interrupted. Nobody would look for one without a ledger. */
async function orLeaveNothingRunning(folder: EmbeddedFolder, create: () => Promise<void>): Promise<void> {
  const interruption = watchInterruption(process);
  const interrupted = new Promise<never>((_, reject) => {
    interruption.signal.addEventListener('abort', () => {
      reject(new UserError('Interrupted: the ledger is not complete.', 'Run `rock-mac init` again.'));
    });
  });
  try {
    await Promise.race([create(), interrupted]);
  } catch (error) {
    await stop(folder).catch(() => false); // the first error says more
    throw error;
  } finally {
    interruption.stop();
  }
}

/** Brings a new or existing ledger into the state that the options name. */
async function fillLedger(
  location: LedgerLocation,
  config: ConfigFile | undefined,
  init: InitOptions,
  terminal: Pick<Terminal, 'notify' | 'progress'>,
): Promise<void> {
  await migrateLocation(location, terminal);
  const ledger = await openLocation(location, { statementTimeoutMs: LONG_STATEMENT_MS }); // an import may be large
  try {
    const author = { actor: currentUser(), reason: init.reason };
    const lines = await ledger.transaction((transaction) => defineAll(transaction, config, init, author));
    for (const line of lines) terminal.notify(line);
    if (location.embedded !== undefined) {
      await ensureReader(ledger);
      await writeMarker(location.embedded.folder, location.embedded.marker);
    }
    terminal.notify(await describeRanges(ledger, location));
    await decideImport(ledger, config, init, terminal);
  } finally {
    await ledger.close();
  }
}

/** Defines prefixes and pools as the options and the configuration file say: all or nothing. Returns lines to print. */
async function defineAll(
  transaction: Queryable,
  config: ConfigFile | undefined,
  { prefixes, slice }: InitOptions,
  author: Author,
): Promise<string[]> {
  const legacy = config?.legacy;
  if (prefixes !== undefined) await startUnder(transaction, prefixes, defaultPoolsUnder(prefixes), author);
  else if (legacy !== undefined) {
    // A file with a prefix of another length defines its own pools.
    const pools = prefixBits(legacy.prefix) === 24 ? defaultPoolsUnder([legacy.prefix]) : [];
    if (!(await hasPrefix(transaction, legacy.prefix))) await startUnder(transaction, [legacy.prefix], pools, author);
  }
  if (slice !== undefined) await sliceOnce(transaction, slice, author);
  if (config === undefined || legacy === undefined || slice !== undefined) return [];
  const lines = await configureLedger(transaction, legacy, author);
  return [`Configuration file ${config.file}:`, ...lines.map((line) => `  ${line}`)];
}

async function hasPrefix(db: Queryable, prefix: MacPrefix): Promise<boolean> {
  return (await listPrefixes(db)).some((each) => each.prefix === prefix);
}

/** Imports or declines the predecessor's file, or says what is in it and how to decide. */
async function decideImport(
  ledger: LedgerClient,
  config: ConfigFile | undefined,
  { imports, reason }: InitOptions,
  terminal: Pick<Terminal, 'notify' | 'progress'>,
): Promise<void> {
  if (imports === undefined) {
    const undecided = await undecidedFile(ledger, config);
    for (const line of undecided === undefined ? [] : describeUndecided(undecided)) terminal.notify(line);
    return;
  }
  const file = await findPredecessorFile(config);
  if (imports && file === undefined) {
    throw new UserError(
      `There is no file ${predecessorPath(config)} to import.`,
      'Name it with `rock-mac import FILE`, or leave --import out.',
    );
  }
  if (file === undefined) return;
  if (imports) for (const line of await importInto(ledger, file, reason, terminal)) terminal.notify(line);
  else await recordDecision({ file, ledgerId: (await ledgerState(ledger)).ledgerId, decision: 'declined' });
}

/** Restricts the ledger to a slice unless a previous run has done so. */
async function sliceOnce(transaction: Queryable, slice: Slice, author: Author): Promise<void> {
  const pools = await listPools(transaction);
  const [pool] = pools;
  const same = pool?.name === slice.pool && pool.first === slice.first && pool.last === slice.last;
  if (pools.length !== 1 || !same) await sliceLedger(transaction, slice, author);
}

/** Creates the data directory unless it exists, and starts the server. */
async function startEmbedded(
  folder: EmbeddedFolder,
  marker: Marker,
  terminal: Pick<Terminal, 'progress'>,
): Promise<LedgerLocation> {
  await withLock(folder.root, LOCK_MS, async () => {
    terminal.progress('Creating the data directory …');
    await createDataFolder(folder);
    terminal.progress('Starting Postgres …');
    await startLocked(folder);
  });
  return { url: embeddedUrl(folder), source: '`rock-mac init`', embedded: { folder, marker } };
}

function refuseOtherSlice({ slice: known }: Marker, slice: Slice | undefined): void {
  if (slice === undefined) return;
  if (known?.pool === slice.pool && known.first === slice.first && known.last === slice.last) return;
  throw new UserError(
    known === undefined
      ? 'This machine already has a ledger, for whole pools.'
      : `This machine already has a ledger, for ${known.first} to ${known.last} of pool ${known.pool}.`,
    'It was not changed. Run `rock-mac init` without --pool and --range to keep using it.',
    'conflict',
  );
}

/** Writes the marker last: only then do commands find the ledger. */
async function writeMarker({ marker: file }: EmbeddedFolder, marker: Marker): Promise<void> {
  await writeFile(file, `${JSON.stringify(marker)}\n`, { mode: 0o600 });
}

/** Returns a line with the location of the ledger and the ranges that no other ledger may use. */
async function describeRanges(ledger: LedgerClient, location: LedgerLocation): Promise<string> {
  const ranges = (await listPools(ledger)).map(({ name, first, last }) => `${name} (${first} to ${last})`);
  if (ranges.length === 0) return `The ledger is in ${describeLocation(location)}, and has no pools yet.`;
  return `The ledger is in ${describeLocation(location)}, and is the only authority for its ranges: ${ranges.join(', ')}.`;
}
