import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { UserError } from '../../errors.ts';
import { embeddedUrl, type EmbeddedFolder } from './folder.ts';
import { withLock } from './lock.ts';
import { clearForeignLock, isAlive, runningPid } from './postmaster.ts';
import { ensurePrograms } from './programs.ts';
import { giveTo, serverUser } from './server-user.ts';

const START_MS = 30_000;
const STOP_MS = 60_000;
const POLL_AGAIN_MS = 20;

/** Between two tries to start a server that ended at once: a full disk stays full, and each try writes to the log. */
const LAUNCH_AGAIN_MS = 250;

/** What a program of Postgres needs of the environment, and nothing of the user's. */
export const SERVER_ENVIRONMENT = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };

/** Sees to it that the server runs and answers. Of several callers at once one starts it, the others wait for it. */
export async function ensureStarted(folder: EmbeddedFolder): Promise<void> {
  await withLock(folder.root, START_MS, () => startLocked(folder));
}

/** As `ensureStarted`, for who holds the lock. */
export async function startLocked(folder: EmbeddedFolder): Promise<void> {
  const deadline = Date.now() + START_MS;
  if ((await runningPid(folder)) === undefined) await prepare(folder);
  let exited = true;
  while (!(await answers(folder))) {
    if (Date.now() > deadline) throw await notStarted(folder);
    // Also when a server ended at once: processes of a killed one may need a moment until they are gone.
    if (exited && (await runningPid(folder)) === undefined) {
      exited = false;
      void launch(folder)
        .then(() => sleep(LAUNCH_AGAIN_MS))
        .then(() => {
          exited = true;
        });
    }
    await sleep(POLL_AGAIN_MS);
  }
}

/** Ends the server; false where none runs. */
export async function stop(folder: EmbeddedFolder): Promise<boolean> {
  return withLock(folder.root, START_MS, async () => {
    const pid = await runningPid(folder);
    if (pid === undefined) return false;
    process.kill(pid, 'SIGINT'); // "fast": it ends sessions, writes everything down, and leaves
    const deadline = Date.now() + STOP_MS;
    while (isAlive(pid)) {
      await sleep(POLL_AGAIN_MS);
      if (Date.now() < deadline) continue;
      throw new UserError(`Postgres (process ${String(pid)}) does not end.`, `Look into ${folder.log}.`, 'unavailable');
    }
    return true;
  });
}

async function prepare(folder: EmbeddedFolder): Promise<void> {
  await ensurePrograms(folder);
  await clearForeignLock(folder);
  await mkdir(folder.run, { mode: 0o700, recursive: true });
  await giveTo(await serverUser(), folder.run);
  await rename(folder.log, `${folder.log}.old`).catch(() => undefined); // there is none at the first start
}

/** Starts a server that outlives us and the terminal, and resolves when it has ended. */
async function launch({ root, data, programs, log }: EmbeddedFolder): Promise<void> {
  const out = await open(log, 'a', 0o600);
  try {
    const child = spawn(path.join(programs, 'native', 'bin', 'postgres'), ['-D', data], {
      cwd: root,
      env: SERVER_ENVIRONMENT,
      detached: true,
      stdio: ['ignore', out.fd, out.fd],
      ...(await serverUser()),
    });
    child.unref();
    await new Promise<void>((resolve) => {
      child.once('exit', () => {
        resolve();
      });
      child.once('error', () => {
        resolve();
      });
    });
  } finally {
    await out.close();
  }
}

async function answers(folder: EmbeddedFolder): Promise<boolean> {
  const client = new Client({ connectionString: embeddedUrl(folder), connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function notStarted({ log }: EmbeddedFolder): Promise<UserError> {
  const text = await readFile(log, 'utf8').catch(() => '');
  const last = text.trimEnd().split('\n').slice(-5).join('\n  ');
  return new UserError(
    `The embedded ledger did not start within ${String(START_MS / 1_000)} seconds.`,
    last === '' ? `Its log ${log} is empty: is there room on the disk?` : `Its log ${log} ends with:\n  ${last}`,
    'unavailable',
  );
}
