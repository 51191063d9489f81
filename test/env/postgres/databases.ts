import { Client, escapeIdentifier } from 'pg';

/** The same server and user, another database. */
export function urlOfDatabase(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** Makes a database, as a copy of `template` where one is named, and returns its URL. */
export async function createDatabase(adminUrl: string, name: string, template?: string): Promise<string> {
  const copyOf = template === undefined ? '' : ` template ${escapeIdentifier(template)}`;
  await withClient(adminUrl, (client) => client.query(`create database ${escapeIdentifier(name)}${copyOf}`));
  return urlOfDatabase(adminUrl, name);
}

/** Removes a database and ends all sessions in it; nothing happens when there is none. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, (client) =>
    client.query(`drop database if exists ${escapeIdentifier(name)} with (force)`),
  );
}

/** Whether a session can be opened and used. Throws when not. */
export async function ping(url: string): Promise<true> {
  await withClient(url, (client) => client.query('select 1'));
  return true;
}

/** Opens one session, uses it and closes it. */
export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // A session may be ended under us (that is what the test environment is for); without a listener that ends the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
