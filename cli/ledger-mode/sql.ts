import type { PoolClient } from 'pg';
import { sqlState, toLedgerError } from '../../ledger/errors.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { withLedger } from './open.ts';

export interface SqlAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/**
 * One statement in a read-only transaction. The extended protocol takes one statement only, so none can end the
 * transaction and go on behind it; the role of the auditor keeps out what a read-only transaction does not, such as files.
 */
export async function askSql(options: GlobalOptions, statement: string): Promise<SqlAnswer> {
  return withLedger(options, async (ledger) => {
    const client = await ledger.pool.connect();
    try {
      await client.query('begin transaction read only');
      await client.query('set local search_path = "$user", public, rock_mac'); // the old names have no schema
      await becomeAuditor(client);
      const question = { text: statement, values: [], rowMode: 'array' as const, queryMode: 'extended' };
      const { fields, rows } = await client.query<unknown[]>(question);
      return { columns: fields.map(({ name }) => name), rows };
    } catch (error) {
      throw sqlError(error);
    } finally {
      client.release(true);
    }
  });
}

/** Not every database lets the role be made or taken on; then the transaction alone has to do. */
async function becomeAuditor(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ may: boolean }>(
    `select exists (select from pg_roles where rolname = 'rock_mac_auditor' and pg_has_role(oid, 'member')) as may`,
  );
  if (rows[0]?.may === true) await client.query('set local role rock_mac_auditor');
}

function sqlError(error: unknown): unknown {
  const state = sqlState(error);
  if (state === undefined) return toLedgerError(error, 'answer');
  const message = error instanceof Error ? error.message : String(error);
  if (state === '25006' || state === '42501') {
    return new UserError(
      `\`rock-mac sql\` only reads: ${message}.`,
      'Change the ledger with its commands.',
      'forbidden',
    );
  }
  return new UserError(`Postgres refused the statement: ${message}.`, 'Correct it and ask again.');
}
