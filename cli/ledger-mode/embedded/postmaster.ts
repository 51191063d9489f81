import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import path from 'node:path';
import { type EmbeddedFolder, SOCKET_PORT } from './folder.ts';

type Folder = Pick<EmbeddedFolder, 'data' | 'run'>;

/** Returns the pid of the server that uses this data directory, or `undefined` if none runs. */
export async function runningPid({ data }: Folder): Promise<number | undefined> {
  const pid = await recordedPid(data);
  return pid !== undefined && (await isServerOf(pid, data)) ? pid : undefined;
}

/**
 * Deletes lock files of a dead server whose pid now belongs to another program, as after a reboot: Postgres would take that
 * program for a running server. Call it while holding the lock of the folder. It deletes nothing while any process still
 * works in the data directory, as those of a killed server do for a moment, because Postgres needs the file to check its
 * shared memory.
 */
export async function removeStaleLock({ data, run }: Folder): Promise<void> {
  const pid = await recordedPid(data);
  if (pid === undefined || !isAlive(pid) || (await isServerOf(pid, data))) return;
  if ((await processesIn(data)).length > 0) return;
  await rm(path.join(data, 'postmaster.pid'), { force: true });
  await rm(path.join(run, `.s.PGSQL.${String(SOCKET_PORT)}.lock`), { force: true });
}

async function recordedPid(data: string): Promise<number | undefined> {
  const text = await readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : undefined;
}

/** Returns whether a process exists, of any user. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Pids are reused, so the command line of the process must also name the data directory. */
async function isServerOf(pid: number, data: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const command = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => undefined);
  // Without /proc (macOS), any process with this pid counts as the server, as in Postgres itself.
  return command === undefined ? process.platform !== 'linux' : command.split('\0').includes(data);
}

/** Returns the processes whose working directory is the data directory, as it is for all server processes. */
async function processesIn(data: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${String(pid)}/cwd`).catch(() => '')));
  return pids.filter((_, index) => folders[index] === data);
}
