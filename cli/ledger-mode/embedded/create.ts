import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readFile, realpath, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '../../errors.ts';
import { userHome } from '../user-home.ts';
import { writeClientAccess } from './client-access.ts';
import { DATABASE_USER, type EmbeddedFolder, embeddedFolder, embeddedLink, SOCKET_PORT } from './folder.ts';
import { ensurePrograms } from './programs.ts';
import { SERVER_ENVIRONMENT } from './server.ts';
import { changeOwner, isAccessibleToOthers, type ServerUser, serverUser } from './server-user.ts';

/** Holds root's ledger if the user that runs Postgres cannot enter root's home. */
const SYSTEM_FOLDER = '/var/lib/rock-mac';

/** Returns the folder of this user's embedded ledger. Creates it if it does not exist. */
export async function createFolder(home = userHome()): Promise<EmbeddedFolder> {
  const link = embeddedLink(home);
  const known = await realpath(link).catch(() => undefined);
  if (known !== undefined) return embeddedFolder(known);
  await mkdir(path.dirname(link), { recursive: true });
  const user = await serverUser();
  if (user === undefined || (await isAccessibleToOthers(path.dirname(link)))) {
    // The user that runs Postgres must be able to enter it. The files inside have their own permissions.
    await mkdir(link, { mode: user === undefined ? 0o700 : 0o711 });
    return embeddedFolder(await realpath(link));
  }
  const root = path.join(SYSTEM_FOLDER, `ledger-${randomBytes(4).toString('hex')}`);
  await mkdir(root, { recursive: true, mode: 0o711 });
  await symlink(root, link);
  return embeddedFolder(root);
}

/** Creates the data directory. A final rename makes it complete or absent. */
export async function createDataFolder(folder: EmbeddedFolder): Promise<void> {
  const version = await readFile(path.join(folder.data, 'PG_VERSION'), 'utf8').catch(() => undefined);
  const programs = await ensurePrograms(folder);
  if (version !== undefined) return;
  const user = await serverUser();
  const unfinished = `${folder.data}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await changeOwner(user, unfinished);
  await initdb(path.join(programs, 'native', 'bin', 'initdb'), unfinished, user);
  await configure(unfinished, folder.run);
  await rename(unfinished, folder.data);
}

async function initdb(program: string, data: string, user: ServerUser): Promise<void> {
  const args = [
    `--pgdata=${data}`,
    `--username=${DATABASE_USER}`,
    '--auth-local=peer',
    '--auth-host=reject',
    '--encoding=UTF8',
    // Postgres' own C.UTF-8, because the C library of a small image or of macOS may lack that locale. Every one has C.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
  ];
  const options = { env: SERVER_ENVIRONMENT, cwd: path.dirname(data), ...user };
  try {
    await promisify(execFile)(program, args, options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `Postgres could not create its data directory: ${why.trim()}`,
      'No ledger was created. Remove the cause and run `rock-mac init` again.',
    );
  }
}

/** Configures a server without network access and with little memory. */
async function configure(data: string, run: string): Promise<void> {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: run,
    unix_socket_permissions: '0700',
    port: SOCKET_PORT,
    max_connections: 200, // one per concurrent command
    shared_buffers: '32MB',
    max_wal_size: '256MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`);
  await appendFile(path.join(data, 'postgresql.conf'), `\n# rock-mac\n${lines.join('')}`);
  await writeClientAccess(data);
}
