import { openLedger } from '../../ledger/connection/connect.ts';
import { PROGRAM_VERSION, schemaVersion } from '../../ledger/migrate.ts';
import type { SealState } from '../../ledger/seal/seal-list.ts';
import { readLedgerView } from '../../ledger/view/ledger-view.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { findFolder } from './embedded/folder.ts';
import { runningPid } from './embedded/postmaster.ts';
import { stop } from './embedded/server.ts';
import { describeLocation, findLedger, type LedgerLocation } from './find-ledger.ts';
import { stateLine } from './recover.ts';

export interface LedgerStatus extends Readonly<Record<string, string>> {
  readonly ledger: string;
  readonly source: string;
}

/** Returns the location and the state of the ledger that the options name. */
export async function ledgerStatus(options: GlobalOptions): Promise<LedgerStatus> {
  const location = await findLedger(options, process.env);
  const about = { ledger: describeLocation(location), source: location.source };
  if (location.embedded === undefined) return { ...about, ...(await readState(location)) };
  const { folder, marker } = location.embedded;
  const { slice } = marker;
  const range = slice === undefined ? {} : { range: `${slice.first} to ${slice.last} of pool ${slice.pool} only` };
  const pid = await runningPid(folder);
  if (pid === undefined) return { ...about, ...range, server: 'not running; it starts with the next use' };
  return { ...about, ...range, server: `running as process ${String(pid)}`, ...(await readState(location)) };
}

async function readState({ url, passwordFile }: LedgerLocation): Promise<Record<string, string>> {
  const limits = { max: 1, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 };
  const ledger = openLedger({ url, passwordFile, applicationName: 'rock-mac', ...limits });
  try {
    const { version } = await schemaVersion(ledger);
    const schema = `version ${String(version)}; this program has ${String(PROGRAM_VERSION)}`;
    if (version < PROGRAM_VERSION) return { schema };
    const { state, seals, postgresVersion } = await readLedgerView(ledger);
    return {
      schema,
      postgres: postgresVersion,
      durability: state.durability,
      state: stateLine(state),
      audit: sealsText(seals),
    };
  } finally {
    await ledger.close();
  }
}

function sealsText({ last, unsealed }: SealState): string {
  const open = `${String(unsealed)} row(s) not sealed yet`;
  return last === undefined ? open : `seal ${String(last.seq)} of ${last.sealedAt.toISOString()}, ${open}`;
}

/** Stops the embedded ledger of this user. Returns false if it was not running. */
export async function stopEmbedded(): Promise<boolean> {
  // Also without a complete ledger: an init that was killed leaves a server.
  const folder = await findFolder();
  if (folder !== undefined) return stop(folder);
  throw new UserError('There is no embedded ledger on this machine.', 'Run `rock-mac init` to create one.');
}
