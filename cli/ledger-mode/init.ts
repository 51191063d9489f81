import { writeFile } from 'node:fs/promises';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { currentUser } from './current-user.ts';
import { createDataFolder, createFolder } from './embedded/create.ts';
import { embeddedUrl, findEmbedded, type EmbeddedFolder, type Marker } from './embedded/folder.ts';
import { withLock } from './embedded/lock.ts';
import { ensureReader } from './embedded/reader.ts';
import { startLocked } from './embedded/server.ts';
import { configuredLedger, describeLocation, type LedgerLocation } from './find-ledger.ts';
import { migrateLocation } from './migrate.ts';
import { configureLedger, movePrefix, sliceLedger, type Slice } from './new-ledger.ts';
import { openLocation } from './open.ts';

/** How long another `rock-mac init` may hold the lock. initdb takes a second or two, and longer on a slow disk. */
const LOCK_MS = 120_000;

/** What a new ledger manages. Default: the default pools under the default prefix. */
interface InitOptions {
  readonly prefix?: MacPrefix | undefined;
  readonly slice?: Slice | undefined;
}

/** Creates a ledger in the configured database, else the embedded one in the user's home. Can be repeated. */
export async function initLedger(
  options: GlobalOptions,
  { prefix: named, slice }: InitOptions,
  terminal: Pick<Terminal, 'notify' | 'progress'>,
): Promise<void> {
  const { location: configured, config } = await configuredLedger(options, process.env);
  const location = configured ?? (await initEmbedded(slice, terminal));
  await migrateLocation(location, terminal);
  const ledger = await openLocation(location);
  try {
    const actor = currentUser();
    const prefix = named ?? config?.legacy?.prefix;
    if (prefix !== undefined) await movePrefix(ledger, prefix, actor);
    if (slice !== undefined) await sliceOnce(ledger, slice, actor);
    else if (config?.legacy !== undefined) {
      terminal.notify(`Configuration file ${config.file}:`);
      for (const line of await configureLedger(ledger, config.legacy, actor)) terminal.notify(`  ${line}`);
    }
    if (location.embedded !== undefined) {
      await ensureReader(ledger);
      await writeMarker(location.embedded.folder, location.embedded.marker);
    }
    terminal.notify(await describeRanges(ledger, location));
  } finally {
    await ledger.close();
  }
}

/** Restricts the ledger to a slice unless a previous run has done so. */
async function sliceOnce(ledger: LedgerClient, slice: Slice, actor: string): Promise<void> {
  const pools = await listPools(ledger);
  const [pool] = pools;
  const same = pool?.name === slice.pool && pool.first === slice.first && pool.last === slice.last;
  if (pools.length !== 1 || !same) await sliceLedger(ledger, slice, actor);
}

async function initEmbedded(slice: Slice | undefined, terminal: Pick<Terminal, 'progress'>): Promise<LedgerLocation> {
  const known = await findEmbedded();
  if (known !== undefined) refuseOtherSlice(known.marker, slice);
  const folder = known?.folder ?? (await createFolder());
  await withLock(folder.root, LOCK_MS, async () => {
    terminal.progress('Creating the data directory …');
    await createDataFolder(folder);
    terminal.progress('Starting Postgres …');
    await startLocked(folder);
  });
  const marker: Marker = known?.marker ?? { version: 1, ...(slice === undefined ? {} : { slice }) };
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
  return `The ledger is in ${describeLocation(location)}, and is the only authority for its ranges: ${ranges.join(', ')}.`;
}
