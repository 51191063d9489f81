import { Client, escapeIdentifier } from 'pg';

/** Returns the URL of another database on the same server, for the same user. */
export function urlOfDatabase(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** Creates a database, as a copy of `template` if given, and returns its URL. */
export async function createDatabase(adminUrl: string, name: string, template?: string): Promise<string> {
  const copyOf = template === undefined ? '' : ` template ${escapeIdentifier(template)}`;
  await withClient(adminUrl, (client) => client.query(`create database ${escapeIdentifier(name)}${copyOf}`));
  return urlOfDatabase(adminUrl, name);
}

/** Drops a database and ends all its sessions. Does nothing if it does not exist. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, (client) =>
    client.query(`drop database if exists ${escapeIdentifier(name)} with (force)`),
  );
}

/** Throws if no session can be opened and used. */
export async function ping(url: string): Promise<true> {
  await withClient(url, (client) => client.query('select 1'));
  return true;
}

/** Runs a function with a new session, and closes the session. */
export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // Tests kill servers. Without an error listener a killed session would crash this process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
