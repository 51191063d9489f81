import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { removeCgroup } from './cgroups.ts';
import { goneWithin, isAlive, killTree, processIdentity, signalProcess } from './process-table.ts';

/** The record of one child process in a run folder. */
export const childRecord = z.object({
  name: z.string(),
  process: processIdentity,
  /** Sent before SIGKILL if a program must free resources, such as the shared memory of Postgres. */
  softSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT']).optional(),
});

/** See {@link childRecord}. */
export type ChildRecord = z.infer<typeof childRecord>;

/** The files of a run folder that the cleanup reads. */
export const RUN_FILES = { owner: 'owner.json', children: 'children' } as const;

/** New run folders have this prefix until their owner is recorded in them. */
export const UNFINISHED_PREFIX = '.new-';

const UNFINISHED_STALE_MS = 60_000;
const SOFT_SIGNAL_GRACE_MS = 3_000;

/**
 * Kills the children that a run folder lists (only those whose pid and start time match), and removes the folder. Several
 * processes can call it at the same time, also for a folder that no longer exists.
 */
export async function cleanUpRun(folder: string): Promise<void> {
  const children = await readChildren(folder);
  await Promise.all(children.map(endChild));
  await removeCgroup(folder);
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** Cleans up every run below `root` whose owner is dead. Returns their folders. */
export async function cleanUpDeadRuns(root: string): Promise<string[]> {
  const names = existsSync(root) ? await readdir(root) : [];
  const removed = await Promise.all(
    names.map(async (name) => {
      const folder = path.join(root, name);
      if (!(await isAbandoned(folder))) return [];
      await cleanUpRun(folder);
      return [folder];
    }),
  );
  return removed.flat();
}

/** Kills one recorded child and its descendants. Sends the soft signal of its record first. */
export async function endChild(child: ChildRecord): Promise<void> {
  if (child.softSignal !== undefined && signalProcess(child.process, child.softSignal)) {
    await goneWithin([child.process], SOFT_SIGNAL_GRACE_MS);
  }
  await killTree(child.process);
}

async function isAbandoned(folder: string): Promise<boolean> {
  if (path.basename(folder).startsWith(UNFINISHED_PREFIX)) {
    const made = await stat(folder).catch(() => undefined);
    return made !== undefined && Date.now() - made.mtimeMs > UNFINISHED_STALE_MS;
  }
  // A finished run folder always names its owner. Without one, its removal was interrupted.
  const owner = await readJson(path.join(folder, RUN_FILES.owner), processIdentity);
  return owner === undefined || !isAlive(owner);
}

async function readChildren(folder: string): Promise<ChildRecord[]> {
  const children = path.join(folder, RUN_FILES.children);
  const names = await readdir(children).catch(() => []);
  const records = await Promise.all(names.map((name) => readJson(path.join(children, name), childRecord)));
  return records.filter((record) => record !== undefined);
}

async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
