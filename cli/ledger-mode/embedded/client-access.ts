import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { DATABASE_USER } from './folder.ts';
import { READER } from './reader.ts';

/** Lets only the current user connect. Postgres gets the user at the other end of the socket from the kernel (peer). */
export async function writeClientAccess(data: string): Promise<void> {
  const accounts = [DATABASE_USER, READER];
  await writeFile(path.join(data, 'pg_hba.conf'), `local all ${accounts.join(',')} peer map=owner\n`);
  const mapped = accounts.map((account) => `owner "${userInfo().username}" ${account}\n`);
  await writeFile(path.join(data, 'pg_ident.conf'), mapped.join(''));
}
