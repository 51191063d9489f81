import { writeFile } from 'node:fs/promises';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { currentUser } from './current-user.ts';
import { makeDataFolder, makeFolder } from './embedded/create.ts';
import { embeddedUrl, findEmbedded, type EmbeddedFolder, type Marker } from './embedded/folder.ts';
import { withLock } from './embedded/lock.ts';
import { ensureReader } from './embedded/reader.ts';
import { startLocked } from './embedded/server.ts';
import { describePlace, namedLedger, type LedgerPlace } from './find-ledger.ts';
import { migratePlace } from './migrate.ts';
import { configureLedger, movePrefix, sliceLedger, type Slice } from './new-ledger.ts';
import { openPlace } from './open.ts';

/** Postgres makes its data directory in a second or two; a slow disk may need longer. */
const INIT_MS = 120_000;

/** What a new ledger is for; where nothing is said, for the default pools under the default prefix. */
interface Purpose {
  readonly prefix?: MacPrefix | undefined;
  readonly slice?: Slice | undefined;
}

/** Makes a ledger: the schema in the database that is named, else the embedded one under the user's home. */
export async function initLedger(
  options: GlobalOptions,
  { prefix: named, slice }: Purpose,
  terminal: Pick<Terminal, 'tell' | 'progress'>,
): Promise<void> {
  const { place: known, config } = await namedLedger(options, process.env);
  const place = known ?? (await initEmbedded(slice, terminal));
  await migratePlace(place, terminal);
  const ledger = await openPlace(place);
  try {
    const actor = currentUser();
    const prefix = named ?? config?.legacy?.prefix;
    if (prefix !== undefined) await movePrefix(ledger, prefix, actor);
    if (slice !== undefined) await sliceOnce(ledger, slice, actor);
    else if (config?.legacy !== undefined) {
      terminal.tell(`Configuration file ${config.file}:`);
      for (const line of await configureLedger(ledger, config.legacy, actor)) terminal.tell(`  ${line}`);
    }
    if (place.embedded !== undefined) {
      await ensureReader(ledger);
      await finish(place.embedded.folder, place.embedded.marker);
    }
    terminal.tell(await authority(ledger, place));
  } finally {
    await ledger.close();
  }
}

/** Again with the same slice, after an interruption perhaps: nothing is left to do. */
async function sliceOnce(ledger: LedgerClient, slice: Slice, actor: string): Promise<void> {
  const pools = await listPools(ledger);
  const [pool] = pools;
  const same = pool?.name === slice.pool && pool.first === slice.first && pool.last === slice.last;
  if (pools.length !== 1 || !same) await sliceLedger(ledger, slice, actor);
}

async function initEmbedded(slice: Slice | undefined, terminal: Pick<Terminal, 'progress'>): Promise<LedgerPlace> {
  const known = await findEmbedded();
  if (known !== undefined) refuseOtherSlice(known.marker, slice);
  const folder = known?.folder ?? (await makeFolder());
  await withLock(folder.root, INIT_MS, async () => {
    terminal.progress('Making the data directory …');
    await makeDataFolder(folder);
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
      ? 'There is a ledger on this machine already, for whole pools.'
      : `There is a ledger on this machine already, for ${known.first} to ${known.last} of pool ${known.pool}.`,
    'It stays as it is. Run `rock-mac init` without --pool and --range to go on with it.',
    'conflict',
  );
}

/** From now on commands find it. */
async function finish({ marker: file }: EmbeddedFolder, marker: Marker): Promise<void> {
  await writeFile(file, `${JSON.stringify(marker)}\n`, { mode: 0o600 });
}

/** The one line that says where the data is, and what nobody else may hand out from now on. */
async function authority(ledger: LedgerClient, place: LedgerPlace): Promise<string> {
  const ranges = (await listPools(ledger)).map(({ name, first, last }) => `${name} (${first} to ${last})`);
  return `The ledger is in ${describePlace(place)}, and is the only authority for its ranges: ${ranges.join(', ')}.`;
}
