import { chown, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { KeyPair } from '../kubernetes/certificates.ts';
import type { Postgres } from './postgres.ts';

/** Restarts a Postgres with TLS and this certificate. */
export async function serveTls(postgres: Postgres, { certificate, key }: KeyPair): Promise<void> {
  const { uid, gid } = await stat(postgres.dataFolder);
  const files = { 'server.crt': certificate, 'server.key': key };
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(postgres.dataFolder, name);
    await writeFile(file, content, { mode: 0o600 });
    await chown(file, uid, gid); // it takes no key that is not its own user's
  }
  await postgres.stop();
  await writeFile(path.join(postgres.dataFolder, 'postgresql.conf'), 'ssl = on\n', { flag: 'a' });
  await postgres.start();
}
