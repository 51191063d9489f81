import { randomBytes } from 'node:crypto';
import { afterAll } from 'vitest';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { withClient } from '../env/postgres/databases.ts';
import { sharedTestEnv } from '../env/testing.ts';

export type LedgerRole = 'rock_mac_app' | 'rock_mac_device' | 'rock_mac_admin' | 'rock_mac_auditor';

export interface Login {
  readonly name: string;
  readonly url: string;
  readonly db: LedgerClient;
}

/** Returns a function that creates logins of a ledger's roles. They and their clients end with the test file. */
export function loginsOfThisFile(): (ledgerUrl: string, role: LedgerRole) => Promise<Login> {
  const logins: Login[] = [];
  afterAll(async () => {
    for (const { db } of logins) await db.close();
    await withClient(sharedTestEnv().postgresUrl, async (client) => {
      for (const { name } of logins) await client.query(`drop role ${name}`);
    });
  });
  return async (ledgerUrl, role) => {
    const name = `${role}_${randomBytes(4).toString('hex')}`;
    const password = randomBytes(8).toString('hex');
    await withClient(ledgerUrl, (client) =>
      client.query(`create role ${name} login password '${password}' in role ${role}`),
    );
    const url = new URL(ledgerUrl);
    url.username = name;
    url.password = password;
    const db = openLedger({
      url: url.href,
      applicationName: 'test',
      max: 2,
      statementTimeoutMs: 10_000,
      connectTimeoutMs: 5_000,
    });
    const login = { name, url: url.href, db };
    logins.push(login);
    return login;
  };
}
