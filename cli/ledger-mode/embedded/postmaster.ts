import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import path from 'node:path';
import { SOCKET_PORT, type EmbeddedFolder } from './folder.ts';

type Folder = Pick<EmbeddedFolder, 'data' | 'run'>;

/** The pid of the server that runs on this data directory; undefined where none does. */
export async function runningPid({ data }: Folder): Promise<number | undefined> {
  const pid = await writtenPid(data);
  return pid !== undefined && (await isServerOf(pid, data)) ? pid : undefined;
}

/**
 * After a reboot the number in a dead server's lock file may be some other program's by now, and Postgres takes that for a
 * living server. Clears such files away; call it under our lock. Never where any process is still at work in the data
 * directory, as those that a killed server leaves are for a moment: Postgres' own look at its shared memory needs the file.
 */
export async function clearForeignLock({ data, run }: Folder): Promise<void> {
  const pid = await writtenPid(data);
  if (pid === undefined || !isAlive(pid) || (await isServerOf(pid, data))) return;
  if ((await processesIn(data)).length > 0) return;
  await rm(path.join(data, 'postmaster.pid'), { force: true });
  await rm(path.join(run, `.s.PGSQL.${String(SOCKET_PORT)}.lock`), { force: true });
}

async function writtenPid(data: string): Promise<number | undefined> {
  const text = await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : undefined;
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** A pid is given to others after its process has ended, so the command line has to name our data directory too. */
async function isServerOf(pid: number, data: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const command = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => undefined);
  // Without /proc (macOS) a living process is taken for the server, as Postgres itself does.
  return command === undefined ? process.platform !== 'linux' : command.split('\0').includes(data);
}

/** Server processes work in the data directory. */
async function processesIn(data: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${String(pid)}/cwd`).catch(() => '')));
  return pids.filter((_, index) => folders[index] === data);
}
