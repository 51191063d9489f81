import { type Client, escapeIdentifier, type QueryResult } from 'pg';
import { urlOfDatabase, withClient } from './databases.ts';

/** A database that is created once per Postgres and then copied: a copy takes milliseconds, migrations take longer. */
export interface Template {
  readonly name: string;
  /** Fills the new database. It must close its connections before it resolves: a database in use cannot be copied. */
  readonly prepare: (url: string) => Promise<unknown>;
}

/** The key of the advisory lock. Any number that no other code uses. */
const templateLock = 7_411_902;

/** Creates the template if it does not exist. Of several processes one creates it, and the others wait. */
export async function ensureTemplate(adminUrl: string, template: Template): Promise<void> {
  await withClient(adminUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [templateLock]);
    const found: QueryResult = await client.query('select from pg_database where datname = $1', [template.name]);
    if (found.rowCount === 0) await makeTemplate(client, adminUrl, template);
  });
}

async function makeTemplate(client: Client, adminUrl: string, template: Template): Promise<void> {
  // It is renamed once it is complete, so that nobody copies an incomplete one.
  const building = `${template.name}_building`;
  await client.query(`drop database if exists ${escapeIdentifier(building)} with (force)`);
  await client.query(`create database ${escapeIdentifier(building)}`);
  await template.prepare(urlOfDatabase(adminUrl, building));
  await client.query(`alter database ${escapeIdentifier(building)} rename to ${escapeIdentifier(template.name)}`);
}
