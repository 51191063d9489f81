import { ledgerState } from '../../ledger/state/state.ts';
import { PROGRAM_VERSION, schemaVersion } from '../../ledger/migrate.ts';
import { openLedger } from '../../ledger/connection/connect.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { findEmbedded } from './embedded/folder.ts';
import { runningPid } from './embedded/postmaster.ts';
import { stop } from './embedded/server.ts';
import { describePlace, findLedger, type LedgerPlace } from './find-ledger.ts';
import { stateLine } from './recover.ts';

export interface LedgerStatus extends Readonly<Record<string, string>> {
  readonly ledger: string;
  readonly source: string;
}

/** What there is to say of the ledger that the options name. */
export async function ledgerStatus(options: GlobalOptions): Promise<LedgerStatus> {
  const place = await findLedger(options, process.env);
  const about = { ledger: describePlace(place), source: place.source };
  if (place.embedded === undefined) return { ...about, ...(await ask(place)) };
  const { folder, marker } = place.embedded;
  const { slice } = marker;
  const range = slice === undefined ? {} : { range: `${slice.first} to ${slice.last} of pool ${slice.pool} only` };
  const pid = await runningPid(folder);
  if (pid === undefined) return { ...about, ...range, server: 'does not run; it starts at the next use' };
  return { ...about, ...range, server: `runs as process ${String(pid)}`, ...(await ask(place)) };
}

async function ask({ url, passwordFile }: LedgerPlace): Promise<Record<string, string>> {
  const limits = { max: 1, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 };
  const ledger = openLedger({ url, passwordFile, applicationName: 'rock-mac', ...limits });
  try {
    const { version } = await schemaVersion(ledger);
    const schema = `version ${String(version)}; this program has ${String(PROGRAM_VERSION)}`;
    if (version < PROGRAM_VERSION) return { schema };
    const state = await ledgerState(ledger);
    return { schema, durability: state.durability, state: stateLine(state) };
  } finally {
    await ledger.close();
  }
}

/** Stops the embedded ledger of this user; false where it did not run. */
export async function stopEmbedded(): Promise<boolean> {
  const embedded = await findEmbedded();
  if (embedded !== undefined) return stop(embedded.folder);
  throw new UserError('There is no embedded ledger on this machine.', 'Run `rock-mac init` to make one.');
}
