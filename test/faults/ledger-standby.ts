import { execFile } from 'node:child_process';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { claimPort } from '../ground/claim.ts';
import { ping } from '../ground/databases.ts';
import { createPart, type Part } from '../ground/part.ts';
import { postgresPrograms } from '../ground/postgres-binaries.ts';
import type { Postgres } from '../ground/postgres.ts';
import type { Run } from '../ground/run.ts';
import type { Endpoint } from '../ground/sockets.ts';

/** A Postgres that began as a copy of another one's files. */
export interface Copy extends Part {
  readonly port: number;
  readonly url: string;
  /** Lines of postgresql.conf that win over what it had; they hold from its next start. */
  configure(settings: Readonly<Record<string, string | number>>): Promise<void>;
  /** From its next start on it follows the server at `primary` as a standby called `name`. */
  follow(primary: Endpoint): Promise<void>;
  close(): Promise<void>;
}

const run = promisify(execFile);

/**
 * Copies the files of a stopped Postgres: an old backup when it is started as it is, a standby after `follow`. The copy
 * has its own port and is down until `start()`. (There is no pg_basebackup among the programs that we have.)
 */
export async function copyOf(source: Postgres, ground: Run, name: string): Promise<Copy> {
  if (source.pid !== undefined) throw new Error('Only the files of a stopped Postgres can be copied.');
  const programs = await postgresPrograms(ground);
  const folder = await ground.makeFolder(name);
  const dataFolder = path.join(folder, 'data');
  await run('cp', ['-a', source.dataFolder, dataFolder]);
  await rm(path.join(dataFolder, 'postmaster.pid'), { force: true });
  const port = await claimPort();
  const url = source.url().replace(`:${String(source.port)}/`, `:${String(port.value)}/`);
  const configure: Copy['configure'] = (settings) => {
    const lines = Object.entries(settings).map(([key, value]) => `${key} = '${String(value)}'\n`);
    return appendFile(path.join(dataFolder, 'postgresql.auto.conf'), lines.join(''));
  };
  await configure({ port: port.value, synchronous_standby_names: '' });
  const part = createPart(ground, {
    child: {
      name,
      command: programs.postgres,
      args: ['-D', dataFolder],
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      user: programs.user,
      softSignal: 'SIGQUIT',
    },
    ready: () => ping(url),
    stopSignal: 'SIGINT',
  });
  return {
    ...part,
    get pid() {
      return part.pid;
    },
    port: port.value,
    url,
    configure,
    follow: async (primary) => {
      const { user, password } = source;
      const { host } = primary;
      await configure({
        primary_conninfo: `host=${host} port=${String(primary.port)} user=${user} password=${password} application_name=${name}`,
      });
      await writeFile(path.join(dataFolder, 'standby.signal'), '');
    },
    close: async () => {
      await part.stop();
      await port.release();
    },
  };
}
