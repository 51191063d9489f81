import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.ts';

const POLL_AGAIN_MS = 25;

/**
 * Runs `action` while no other process on this machine does for the same folder. Two shells that start the ledger at once
 * must not both find a dead server's files and clear them away, the second those of the first one's new server.
 *
 * The lock is a socket in Linux' abstract namespace: the kernel gives it to one process and takes it back when that ends,
 * however it ends, so no lock is ever left behind. Elsewhere Postgres' own lock has to do.
 */
export async function withLock<T>(folder: string, withinMs: number, action: () => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') return action();
  const name = `\0rock-mac-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  const deadline = Date.now() + withinMs;
  let held = await tryListen(name);
  while (held === undefined) {
    if (Date.now() > deadline) {
      throw new UserError(
        `Another rock-mac has been at work in ${folder} for ${String(withinMs / 1_000)} seconds.`,
        'Wait for it, or end it, then try again.',
        'unavailable',
      );
    }
    await sleep(POLL_AGAIN_MS);
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
