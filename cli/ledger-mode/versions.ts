import { z } from 'zod';
import { openLedger } from '../../ledger/connection/connect.ts';
import { queryOne } from '../../ledger/connection/statement.ts';
import { schemaVersion } from '../../ledger/migrate.ts';
import type { GlobalOptions } from '../cli.ts';
import { explainError } from '../errors.ts';
import type { ServerVersions } from '../server-versions.ts';
import { runningPid } from './embedded/postmaster.ts';
import { findLedger } from './find-ledger.ts';

/** Somebody who asks for a version does not wait for a ledger that is down. */
const LIMIT_MS = 3_000;

/** Returns the versions of the ledger that the options name. Starts nothing, and notes why it cannot be read. */
export async function ledgerVersions(options: GlobalOptions): Promise<ServerVersions> {
  try {
    const { url, passwordFile, embedded } = await findLedger(options, process.env);
    if (embedded !== undefined && (await runningPid(embedded.folder)) === undefined) {
      return { notes: ['The embedded ledger does not run. It starts with the next command that uses it.'] };
    }
    const limits = { max: 1, connectTimeoutMs: LIMIT_MS, statementTimeoutMs: LIMIT_MS };
    const ledger = openLedger({ url, passwordFile, applicationName: 'rock-mac', ...limits });
    try {
      const { version: schema } = await schemaVersion(ledger);
      const { postgres } = await queryOne(ledger, {
        text: `select current_setting('server_version') as postgres`,
        values: [],
        row: z.object({ postgres: z.string() }),
      });
      return { ledger: { schema, postgres }, notes: [] };
    } finally {
      await ledger.close();
    }
  } catch (error) {
    return { notes: [explainError(error, false).text] };
  }
}
