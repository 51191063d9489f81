import { randomBytes } from 'node:crypto';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { logTail } from '../run/child-process.ts';
import { type Reservation, reserveFixedPort, reservePort } from '../run/port-reservation.ts';
import { openRun, type Run } from '../run/run.ts';
import { createServerProcess, type ServerProcess } from '../run/server-process.ts';
import { createDatabase, dropDatabase, ping } from './databases.ts';
import { type PostgresPrograms, postgresPrograms } from './postgres-binaries.ts';

export interface PostgresOptions {
  /** The run that it belongs to. By default it opens its own run, and closes it in `close()`. */
  readonly run?: Run;
  /** The name of its folder and log. */
  readonly name?: string;
  /** A fixed port. By default a free port is chosen. */
  readonly port?: number;
  /** False makes it faster. A killed Postgres loses no data either way; only a power failure would. */
  readonly fsync?: boolean;
  /** Settings of postgresql.conf, which override the default ones. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** A real PostgreSQL that can be stopped, killed and restarted with its data. */
export interface Postgres extends ServerProcess {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The data directory. Its owner is the user that runs Postgres. */
  readonly dataFolder: string;
  /** Returns the superuser's connection URL for a database. The default is `postgres`. */
  url(database?: string): string;
  /** Creates a database, as a copy of `template` if given, and returns its URL. */
  createDatabase(name: string, options?: { readonly template?: string }): Promise<string>;
  /** Drops a database and ends all its sessions. */
  dropDatabase(name: string): Promise<void>;
  /** Stops it and removes the data. */
  close(): Promise<void>;
}

type Settings = NonNullable<PostgresOptions['settings']>;

const user = 'env';

/** Creates a data directory, starts Postgres (TCP on 127.0.0.1 only, SCRAM passwords) and waits until it is ready. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const run = options.run ?? (await openRun());
  let port: Reservation<number> | undefined;
  try {
    port = await (options.port === undefined ? reservePort() : reserveFixedPort(options.port, 'Postgres'));
    return await startServer(run, port, options);
  } catch (error) {
    if (options.run === undefined) await run.close();
    await port?.release();
    throw error;
  }
}

async function startServer(run: Run, port: Reservation<number>, options: PostgresOptions): Promise<Postgres> {
  const programs = await postgresPrograms(run);
  const folder = await run.makeFolder(options.name ?? 'postgres');
  const password = randomBytes(12).toString('hex');
  const dataFolder = await initialise(run, programs, folder, password);
  await writeFile(
    path.join(dataFolder, 'postgresql.auto.conf'),
    settingsText({ ...defaults(options), ...options.settings, port: port.value }),
  );
  const url = (database = 'postgres') =>
    `postgresql://${user}:${password}@127.0.0.1:${port.value}/${encodeURIComponent(database)}`;
  const server = createServerProcess(run, {
    child: {
      name: path.basename(folder),
      command: programs.postgres,
      args: ['-D', dataFolder],
      env: cleanEnvironment,
      user: programs.user,
      softSignal: 'SIGQUIT', // lets it give its shared memory back
    },
    ready: () => ping(url()),
    stopSignal: 'SIGINT', // "fast": SIGTERM would wait for every client to leave
  });
  await server.start();

  const close = async () => {
    // After a kill its shared memory remains. Only a restart on the same data frees it.
    if (server.pid === undefined) await server.start().catch(() => undefined);
    await server.stop();
    if (options.run === undefined) await run.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    await port.release();
  };
  let closing: Promise<void> | undefined;
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    port: port.value,
    user,
    password,
    dataFolder,
    url,
    createDatabase: (database, { template } = {}) => createDatabase(url(), database, template),
    dropDatabase: (database) => dropDatabase(url(), database),
    close: () => (closing ??= close()),
  };
}

const cleanEnvironment = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };

async function initialise(run: Run, programs: PostgresPrograms, folder: string, password: string): Promise<string> {
  const dataFolder = path.join(folder, 'data');
  const passwordFile = path.join(folder, 'password');
  await mkdir(dataFolder, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (programs.user !== undefined) {
    await chown(dataFolder, programs.user.uid, programs.user.gid);
    await chown(passwordFile, programs.user.uid, programs.user.gid);
  }
  const initdb = await run.spawn({
    name: `${path.basename(folder)}-initdb`,
    command: programs.initdb,
    args: [
      `--pgdata=${dataFolder}`,
      `--username=${user}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--locale=C.UTF-8',
      '--no-sync',
    ],
    env: cleanEnvironment,
    cwd: folder,
    user: programs.user,
    softSignal: 'SIGTERM', // as below; its own `postgres` then ends by itself
  });
  const { code } = await initdb.exited;
  if (code !== 0) throw new Error(`initdb failed. Its log (${initdb.logFile}):\n${logTail(initdb.logFile)}`);
  await rm(passwordFile);
  return dataFolder;
}

function defaults({ fsync = true }: PostgresOptions): Settings {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '', // the path of a temporary folder is easily too long for one
    // In the data directory instead of /dev/shm, so that it is removed with the folder even after a kill.
    dynamic_shared_memory_type: 'mmap',
    fsync,
    full_page_writes: fsync,
    max_connections: 200,
    wal_level: 'replica',
    max_wal_senders: 10,
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%d %a ',
  };
}

function settingsText(settings: Settings): string {
  const line = ([name, value]: [string, string | number | boolean]) =>
    `${name} = '${String(value).replaceAll("'", "''")}'\n`;
  return Object.entries(settings).map(line).join('');
}
