import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, ownIdentity, processIdentity, type ProcessIdentity } from './process-table.ts';

export interface OwnerLockOptions {
  /** Called once, when somebody else holds the lock and we begin to wait. */
  readonly onWait?: (holder: ProcessIdentity) => void;
}

const checkAgainMs = { least: 50, most: 250 } as const;

/**
 * Runs `action` while no other process does under the same lock. The lock of a dead process holds nobody up.
 *
 * Everybody puts down a ticket under a name of its own and then looks around: who sees no other living owner's ticket
 * has the lock, who sees one takes its own ticket back and tries again. Of two tickets the later one's owner always
 * sees the earlier one, so there are never two holders; and since no name is ever used twice, clearing away a dead
 * owner's ticket can never hit a living one, which is where a single lock file that is removed and made again fails.
 */
export async function withFileLock<T>(
  lock: string,
  action: () => Promise<T>,
  options: OwnerLockOptions = {},
): Promise<T> {
  await mkdir(path.dirname(lock), { recursive: true });
  const ticket = await acquire(lock, options);
  try {
    return await action();
  } finally {
    await rm(ticket, { force: true });
  }
}

async function acquire(lock: string, { onWait }: OwnerLockOptions): Promise<string> {
  let told = false;
  for (;;) {
    let holder = await otherHolder(lock, undefined);
    if (holder === undefined) {
      const ticket = await putTicket(lock);
      holder = await otherHolder(lock, ticket);
      if (holder === undefined) return ticket;
      await rm(ticket, { force: true });
    }
    if (!told) onWait?.(holder);
    told = true;
    await sleep(randomInt(checkAgainMs.least, checkAgainMs.most));
  }
}

async function putTicket(lock: string): Promise<string> {
  const id = randomBytes(6).toString('hex');
  const ticket = `${lock}.${id}`;
  // Renamed into place, so that nobody ever reads half a ticket and takes its owner for dead.
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
