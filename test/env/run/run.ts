import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, rename, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Child, type ChildSpec, startChild } from './child-process.ts';
import { cleanUpDeadRuns, cleanUpRun, RUN_FILES, UNFINISHED_PREFIX } from './cleanup.ts';
import { ownIdentity } from './process-table.ts';

/** Logs one line for people. */
export type Log = (line: string) => void;

/**
 * One run of the test environment: a folder with all its data and logs, and all its processes. `close()` removes them. If the
 * owner exits without it, the reaper process cleans up. If the reaper was killed too, the next run cleans up.
 */
export interface Run {
  readonly folder: string;
  readonly log: Log;
  /** Creates a folder inside the run's folder. A name that is already used gets a number. */
  makeFolder(name: string): Promise<string>;
  spawn(spec: ChildSpec): Promise<Child>;
  /** Stops all processes, then removes the folder. */
  close(): Promise<void>;
}

export interface RunOptions {
  /** Where run folders are created. The default is a folder of this user in the system's temporary folder. */
  readonly root?: string;
  readonly log?: Log;
}

/** Writes a line to stderr. */
export const logToStderr: Log = (line) => {
  process.stderr.write(`env: ${line}\n`);
};

/** Cleans up after dead runs, then opens a new run. */
export async function openRun(options: RunOptions = {}): Promise<Run> {
  const log = options.log ?? logToStderr;
  const root = options.root ?? (await userRoot());
  for (const removed of await cleanUpDeadRuns(root)) log(`cleaned up after a killed run: ${removed}`);
  const folder = await makeRunFolder(root);
  const reaper = startReaper(folder);
  const children = new Set<Child>();
  const taken = new Set<string>();
  let closing: Promise<void> | undefined;

  const close = async () => {
    await Promise.all([...children].map((child) => child.end()));
    await cleanUpRun(folder);
    await reaper.dismiss();
  };
  return {
    folder,
    log,
    makeFolder: async (name) => {
      const free = freeName(name, taken);
      taken.add(free);
      const made = path.join(folder, free);
      await mkdir(made, { mode: 0o711 });
      return made;
    },
    spawn: async (spec) => {
      if (closing !== undefined) throw new Error(`${spec.name} is not started: its run is closing.`);
      const child = await startChild(spec, folder);
      children.add(child);
      void child.exited.then(() => children.delete(child));
      return child;
    },
    close: () => (closing ??= close()),
  };
}

/**
 * Creates one root folder per user: the cleanup trusts its files, so they must not come from another user. Mode 0711 lets
 * others pass through, because the unprivileged user under which root runs Postgres has its data inside.
 */
async function userRoot(): Promise<string> {
  const uid = process.getuid?.();
  const root = path.join(tmpdir(), `rock-mac-env-${uid ?? 'user'}`);
  await mkdir(root, { mode: 0o711, recursive: true });
  const { uid: owner } = await lstat(root);
  if (uid !== undefined && owner !== uid) {
    throw new Error(
      `${root} belongs to user ${owner}, not to this user (${uid}). Remove it, or set TMPDIR to another folder.`,
    );
  }
  return root;
}

async function makeRunFolder(root: string): Promise<string> {
  const id = randomBytes(5).toString('hex');
  const unfinished = path.join(root, `${UNFINISHED_PREFIX}${id}`);
  await mkdir(unfinished, { mode: 0o711, recursive: true });
  await writeFile(path.join(unfinished, RUN_FILES.owner), JSON.stringify(ownIdentity()));
  const folder = path.join(root, id);
  await rename(unfinished, folder);
  return folder;
}

function startReaper(folder: string): { dismiss(): Promise<void> } {
  const script = path.join(import.meta.dirname, 'reaper.ts');
  const reaper = spawn(process.execPath, [script, folder], {
    cwd: '/',
    env: {}, // it must not inherit NODE_OPTIONS of the test runner
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const gone = new Promise<void>((resolve) => {
    reaper.once('exit', resolve);
    reaper.once('error', resolve);
  });
  reaper.unref();
  if (reaper.stdin instanceof Socket) reaper.stdin.unref();
  return {
    dismiss: async () => {
      reaper.ref();
      reaper.stdin.end();
      await gone;
    },
  };
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}
