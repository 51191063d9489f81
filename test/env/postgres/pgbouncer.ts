import { spawnSync } from 'node:child_process';
import { chown, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { reservePort } from '../run/port-reservation.ts';
import { ping } from './databases.ts';
import { createServerProcess, type ServerProcess } from '../run/server-process.ts';
import { openRun } from '../run/run.ts';

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

/** Starts PgBouncer for the server at `adminUrl`. It accepts only the user and the password of that URL. */
export async function startPgbouncer(
  adminUrl: string,
  options: { readonly serverConnections: number },
): Promise<Pgbouncer> {
  const run = await openRun();
  const port = await reservePort();
  const folder = await run.makeFolder('pgbouncer');
  const admin = new URL(adminUrl);
  const users = path.join(folder, 'users.txt');
  const config = path.join(folder, 'pgbouncer.ini');
  await writeFile(users, `"${admin.username}" "${admin.password}"\n`, { mode: 0o600 });
  await writeFile(
    config,
    `[databases]
     * = host=${admin.hostname} port=${admin.port}
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
