import { escapeIdentifier, type Client, type QueryResult } from 'pg';
import { urlOfDatabase, withClient } from './databases.ts';

/** A database that is made once per Postgres and then copied, because a copy takes milliseconds and migrations do not. */
export interface Template {
  readonly name: string;
  /** Fills the new database; must have closed its connections when it resolves, else it cannot be copied. */
  readonly prepare: (url: string) => Promise<unknown>;
}

/** Any number works as long as everybody takes the same. */
const templateLock = 7_411_902;

/** Makes sure that the template exists; of several processes that ask at once, one makes it and the others wait. */
export async function ensureTemplate(adminUrl: string, template: Template): Promise<void> {
  await withClient(adminUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [templateLock]);
    const found: QueryResult = await client.query('select from pg_database where datname = $1', [template.name]);
    if (found.rowCount === 0) await makeTemplate(client, adminUrl, template);
  });
}

async function makeTemplate(client: Client, adminUrl: string, template: Template): Promise<void> {
  // It gets its name when it is complete, so a broken attempt is never copied.
  const building = `${template.name}_building`;
  await client.query(`drop database if exists ${escapeIdentifier(building)} with (force)`);
  await client.query(`create database ${escapeIdentifier(building)}`);
  await template.prepare(urlOfDatabase(adminUrl, building));
  await client.query(`alter database ${escapeIdentifier(building)} rename to ${escapeIdentifier(template.name)}`);
}
