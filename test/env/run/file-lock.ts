import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, ownIdentity, type ProcessIdentity, processIdentity } from './process-table.ts';

export interface FileLockOptions {
  /** Called once, if another process holds the lock and the wait begins. */
  readonly onWait?: (holder: ProcessIdentity) => void;
}

const RETRY_MS = { least: 50, most: 250 } as const;

/**
 * Runs `action` while it holds an exclusive lock. The lock of a dead process blocks nobody.
 *
 * Each process writes a ticket file with a unique name, then reads all tickets. It has the lock if no other ticket belongs to
 * a live process. Otherwise it removes its ticket and tries again. Of two tickets the later owner always sees the earlier
 * one, so there are never two holders. Names are never reused, so removing the ticket of a dead process never removes a
 * live one. A single lock file, removed and created again, does not have this property.
 */
export async function withFileLock<T>(
  lock: string,
  action: () => Promise<T>,
  options: FileLockOptions = {},
): Promise<T> {
  await mkdir(path.dirname(lock), { recursive: true });
  const ticket = await acquire(lock, options);
  try {
    return await action();
  } finally {
    await rm(ticket, { force: true });
  }
}

async function acquire(lock: string, { onWait }: FileLockOptions): Promise<string> {
  let reported = false;
  for (;;) {
    let holder = await otherHolder(lock, undefined);
    if (holder === undefined) {
      const ticket = await putTicket(lock);
      holder = await otherHolder(lock, ticket);
      if (holder === undefined) return ticket;
      await rm(ticket, { force: true });
    }
    if (!reported) onWait?.(holder);
    reported = true;
    await sleep(randomInt(RETRY_MS.least, RETRY_MS.most));
  }
}

async function putTicket(lock: string): Promise<string> {
  const id = randomBytes(6).toString('hex');
  const ticket = `${lock}.${id}`;
  // The rename is atomic: a half-written ticket would look like one of a dead process.
  const draft = path.join(path.dirname(lock), `.draft-${id}`);
  await writeFile(draft, JSON.stringify(ownIdentity()));
  await rename(draft, ticket);
  return ticket;
}

async function otherHolder(lock: string, own: string | undefined): Promise<ProcessIdentity | undefined> {
  const folder = path.dirname(lock);
  const prefix = `${path.basename(lock)}.`;
  for (const name of await readdir(folder)) {
    const ticket = path.join(folder, name);
    if (!name.startsWith(prefix) || ticket === own) continue;
    const owner = await readOwner(ticket);
    if (owner !== undefined && isAlive(owner)) return owner;
    await rm(ticket, { force: true });
  }
  return undefined;
}

async function readOwner(ticket: string): Promise<ProcessIdentity | undefined> {
  try {
    return processIdentity.parse(JSON.parse(await readFile(ticket, 'utf8')));
  } catch {
    return undefined;
  }
}
