import { spawnSync } from 'node:child_process';
import { chown, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { reservePort } from '../run/port-reservation.ts';
import { openRun } from '../run/run.ts';
import { createServerProcess, type ServerProcess } from '../run/server-process.ts';
import { ping } from './databases.ts';

/** PgBouncer in front of a Postgres, in transaction mode: transactions share sessions. */
export interface Pgbouncer extends ServerProcess {
  /** Returns the URL through PgBouncer for a direct URL of a database. */
  through(url: string): string;
  close(): Promise<void>;
}

/** Returns why PgBouncer is not available, or `undefined` if it is. */
export function pgbouncerMissing(): string | undefined {
  const { error } = spawnSync('pgbouncer', ['--version'], { env: programs });
  return error === undefined ? undefined : 'pgbouncer is not installed (Debian: apt-get install pgbouncer)';
}

/** Debian installs it into /usr/sbin, which is not in a user's PATH. */
const programs = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };

export interface PgbouncerOptions {
  readonly serverConnections: number;
  /** URLs with more users that it accepts, and their passwords. */
  readonly userUrls?: readonly string[];
  /** Connects every client as the administrator, whatever its user. */
  readonly forcesUser?: boolean;
}

/** Starts PgBouncer for the server at `adminUrl`. It accepts the user and the password of that URL. */
export async function startPgbouncer(adminUrl: string, options: PgbouncerOptions): Promise<Pgbouncer> {
  const run = await openRun();
  const port = await reservePort();
  const folder = await run.makeFolder('pgbouncer');
  const admin = new URL(adminUrl);
  const users = path.join(folder, 'users.txt');
  const config = path.join(folder, 'pgbouncer.ini');
  const accepted = [admin, ...(options.userUrls ?? []).map((url) => new URL(url))];
  await writeFile(users, accepted.map((url) => `"${url.username}" "${url.password}"\n`).join(''), { mode: 0o600 });
  const forced = options.forcesUser === true ? ` user=${admin.username}` : '';
  await writeFile(
    config,
    `[databases]
     * = host=${admin.hostname} port=${admin.port}${forced}
     [pgbouncer]
     listen_addr = 127.0.0.1
     listen_port = ${String(port.value)}
     unix_socket_dir =
     auth_type = scram-sha-256
     auth_file = ${users}
     pool_mode = transaction
     default_pool_size = ${String(options.serverConnections)}
     server_idle_timeout = 5
    `.replaceAll(/^ +/gm, ''),
  );
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined; // it refuses to run as root
  if (user !== undefined) for (const file of [folder, users, config]) await chown(file, user.uid, user.gid);
  const through = (url: string) => {
    const there = new URL(url);
    there.port = String(port.value);
    return there.href;
  };
  const server = createServerProcess(run, {
    child: { name: 'pgbouncer', command: 'pgbouncer', args: [config], env: programs, user },
    ready: () => ping(through(adminUrl)),
    stopSignal: 'SIGTERM',
  });
  await server.start();
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    through,
    close: async () => {
      await server.stop();
      await run.close();
      await port.release();
    },
  };
}
