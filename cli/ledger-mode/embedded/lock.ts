import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.ts';

const POLL_MS = 25;

/**
 * Runs `action` while no other process on this machine does so for the same folder. Otherwise two commands could both find
 * the files of a dead server, and the second would delete those of the server that the first has just started.
 *
 * The lock is a socket in the abstract namespace of Linux. The kernel gives it to one process and frees it when that process
 * ends, so no stale lock remains. Other systems rely on the lock of Postgres itself.
 */
export async function withLock<T>(folder: string, withinMs: number, action: () => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') return action();
  const name = `\0rock-mac-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  const deadline = Date.now() + withinMs;
  let held = await tryListen(name);
  while (held === undefined) {
    if (Date.now() > deadline) {
      throw new UserError(
        `Another rock-mac process has been using ${folder} for ${String(withinMs / 1_000)} seconds.`,
        'Wait for that process, or stop it, then try again.',
        'unavailable',
      );
    }
    await sleep(POLL_MS);
    held = await tryListen(name);
  }
  try {
    return await action();
  } finally {
    held.close();
  }
}

function tryListen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ path }, () => {
      resolve(server);
    });
  });
}
