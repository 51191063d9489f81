import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { goneWithin, isAlive, killTree, processIdentity, signalProcess } from './process-table.ts';

/** What a run folder says about one child process. */
export const childRecord = z.object({
  name: z.string(),
  process: processIdentity,
  /** Tried before SIGKILL where a program has something to give back, as Postgres has its shared memory. */
  softSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT']).optional(),
});

/** See {@link childRecord}. */
export type ChildRecord = z.infer<typeof childRecord>;

/** The files of a run folder that the sweep knows. */
export const runFiles = { owner: 'owner.json', children: 'children' } as const;

/** Run folders are made under this prefix and renamed once their owner is written into them. */
export const unfinishedPrefix = '.new-';

const unfinishedIsStaleAfterMs = 60_000;
const softSignalGraceMs = 3_000;

/**
 * Kills the children that this run folder lists, exactly those whose pid and start time match, and removes the folder.
 * Safe to be run by several at once, and on a folder that is gone.
 */
export async function cleanUpRun(folder: string): Promise<void> {
  const children = await readChildren(folder);
  await Promise.all(children.map(endChild));
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** Sweeps every run under `root` whose owner is dead; returns their folders. */
export async function cleanUpDeadRuns(root: string): Promise<string[]> {
  const names = existsSync(root) ? await readdir(root) : [];
  const swept = await Promise.all(
    names.map(async (name) => {
      const folder = path.join(root, name);
      if (!(await isAbandoned(folder))) return [];
      await cleanUpRun(folder);
      return [folder];
    }),
  );
  return swept.flat();
}

/** Ends one registered child: softly where its record asks for that, and by SIGKILL with all that it started. */
export async function endChild(child: ChildRecord): Promise<void> {
  if (child.softSignal !== undefined && signalProcess(child.process, child.softSignal)) {
    await goneWithin([child.process], softSignalGraceMs);
  }
  await killTree(child.process);
}

async function isAbandoned(folder: string): Promise<boolean> {
  if (path.basename(folder).startsWith(unfinishedPrefix)) {
    const made = await stat(folder).catch(() => undefined);
    return made !== undefined && Date.now() - made.mtimeMs > unfinishedIsStaleAfterMs;
  }
  // A finished run folder always names its owner, so one without is a removal that was broken off.
  const owner = await readJson(path.join(folder, runFiles.owner), processIdentity);
  return owner === undefined || !isAlive(owner);
}

async function readChildren(folder: string): Promise<ChildRecord[]> {
  const children = path.join(folder, runFiles.children);
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
