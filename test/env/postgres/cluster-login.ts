import { withClient } from './databases.ts';

/** All test servers listen on 127.0.0.1 only. */
const PASSWORD = 'only-for-tests';

/**
 * Returns the URL of a ledger with a login that programs of one cluster use, as docs/database-roles.md describes
 * it. Creates the login unless a former call with the same name did.
 */
export async function clusterLogin(ownerUrl: string, name: string): Promise<string> {
  await withClient(ownerUrl, async (client) => {
    const exists = async (role: string) =>
      (await client.query('select from pg_roles where rolname = $1', [role])).rowCount !== 0;
    if (!(await exists('rock_mac_app'))) await client.query('create role rock_mac_app nologin');
    if (!(await exists(name)))
      await client.query(`create role "${name}" login password '${PASSWORD}' in role rock_mac_app`);
  });
  const url = new URL(ownerUrl);
  url.username = name;
  url.password = PASSWORD;
  return url.href;
}
