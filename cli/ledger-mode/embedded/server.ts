import { spawn } from 'node:child_process';
import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { UserError } from '../../errors.ts';
import { type EmbeddedFolder, embeddedUrl } from './folder.ts';
import { withLock } from './lock.ts';
import { isAlive, removeStaleLock, runningPid } from './postmaster.ts';
import { ensurePrograms } from './programs.ts';
import { serverUser } from './server-user.ts';
import { makeSocketFolder } from './socket-folder.ts';

/** Time limit for a start, including crash recovery, and for the wait on another process that starts the server. */
const START_MS = 30_000;

/** Time limit for a fast shutdown, which writes a checkpoint. */
const STOP_MS = 60_000;
const POLL_MS = 20;

/** Pause before a server that exited at once is started again. Each attempt writes to the log, for example on a full disk. */
const RELAUNCH_MS = 250;

/** The environment of the Postgres programs, without the user's variables. */
export const SERVER_ENVIRONMENT = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };

/** Starts the server if necessary, and waits until it accepts connections. Of concurrent callers, one starts it. */
export async function ensureStarted(folder: EmbeddedFolder): Promise<void> {
  await withLock(folder.root, START_MS, () => startLocked(folder));
}

/** Like `ensureStarted`, for callers that hold the lock. */
export async function startLocked(folder: EmbeddedFolder): Promise<void> {
  const deadline = Date.now() + START_MS;
  if ((await runningPid(folder)) === undefined) await prepare(folder);
  let exited = true;
  while (!(await acceptsConnections(folder))) {
    if (Date.now() > deadline) throw await startTimeout(folder);
    // Launches again if a server exited at once, because processes of a killed server may need a moment to end.
    if (exited && (await runningPid(folder)) === undefined) {
      exited = false;
      void launch(folder)
        .then(() => sleep(RELAUNCH_MS))
        .then(() => {
          exited = true;
        });
    }
    await sleep(POLL_MS);
  }
}

/** Stops the server. Returns false if none runs. */
export async function stop(folder: EmbeddedFolder): Promise<boolean> {
  return withLock(folder.root, START_MS, async () => {
    const pid = await runningPid(folder);
    if (pid === undefined) return false;
    process.kill(pid, 'SIGINT'); // fast shutdown: ends the sessions and writes a checkpoint
    const deadline = Date.now() + STOP_MS;
    while (isAlive(pid)) {
      await sleep(POLL_MS);
      if (Date.now() < deadline) continue;
      throw new UserError(`Postgres (process ${String(pid)}) does not stop.`, `See ${folder.log}.`, 'unavailable');
    }
    return true;
  });
}

async function prepare(folder: EmbeddedFolder): Promise<void> {
  await ensurePrograms(folder);
  await removeStaleLock(folder);
  await makeSocketFolder(folder.run, await serverUser());
  await rename(folder.log, `${folder.log}.old`).catch(() => undefined); // there is no log before the first start
}

/** Starts a server that outlives this process and its terminal. Resolves when the server has exited. */
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

async function acceptsConnections(folder: EmbeddedFolder): Promise<boolean> {
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

async function startTimeout({ log }: EmbeddedFolder): Promise<UserError> {
  const text = await readFile(log, 'utf8').catch(() => '');
  const last = text.trimEnd().split('\n').slice(-5).join('\n  ');
  return new UserError(
    `The embedded ledger did not start within ${String(START_MS / 1_000)} seconds.`,
    last === '' ? `Its log ${log} is empty: check whether the disk is full.` : `Its log ${log} ends with:\n  ${last}`,
    'unavailable',
  );
}
