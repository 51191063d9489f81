import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { identify, killTree } from './process-table.ts';
import { endChild, runFiles, type ChildRecord } from './cleanup.ts';

/** What to run, and as whom. */
export interface ChildSpec {
  /** Names the log file; unique among what runs at the same time. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited, so that PGPORT or HTTPS_PROXY of the user cannot meddle. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** The first signal of a sweep, where SIGKILL at once would leave something behind. */
  readonly softSignal?: ChildRecord['softSignal'];
}

/** How a child ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A registered child process. */
export interface Child {
  readonly pid: number;
  /** Where its stdout and stderr go; appended to, so a restarted part keeps its history. */
  readonly logFile: string;
  /** Undefined while it runs. */
  readonly exit: ChildExit | undefined;
  /** Whether we have sent it a signal; if not, its end is its own doing. */
  readonly asked: boolean;
  /** Resolves when it has ended; never rejects. */
  readonly exited: Promise<ChildExit>;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL for it and all that it started; resolves when they are gone. */
  kill(): Promise<void>;
  /** As {@link kill}, but with the soft signal of its spec first. */
  end(): Promise<void>;
}

/**
 * Starts a child in its own session (so that a Ctrl-C in the terminal reaches only its owner, who knows the right
 * order) and writes it into the run folder at once. Throws when the program cannot be started.
 */
export async function startChild(spec: ChildSpec, runFolder: string): Promise<Child> {
  const logFile = path.join(runFolder, 'logs', `${spec.name}.log`);
  const child = spawnToLog(spec, logFile);
  // Synchronous from the fork to the record: a runner that is killed in between would leave a child nobody knows.
  const record = child.pid === undefined ? undefined : register(spec, child.pid, runFolder);
  let exit: ChildExit | undefined;
  let asked = false;
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      if (record !== undefined) rmSync(recordFile(runFolder, record.process.pid), { force: true });
      resolve(exit);
    });
  });
  if (record === undefined) throw await startError(child, spec);
  return {
    pid: record.process.pid,
    logFile,
    get exit() {
      return exit;
    },
    get asked() {
      return asked;
    },
    exited,
    signal: (signal) => {
      asked = true;
      child.kill(signal);
    },
    kill: async () => {
      asked = true;
      await killTree(record.process);
      await exited;
    },
    end: async () => {
      asked = true;
      await endChild(record);
      await exited;
    },
  };
}

/** The last lines of a log file, for error messages; empty when there is none. */
export function logTail(logFile: string, lines = 20): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}

function spawnToLog(spec: ChildSpec, logFile: string): ChildProcess {
  mkdirSync(path.dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a', 0o600);
  try {
    return spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env ?? { PATH: process.env['PATH'] },
      stdio: ['ignore', log, log],
      detached: true,
      ...spec.user,
    });
  } finally {
    closeSync(log);
  }
}

function register(spec: ChildSpec, pid: number, runFolder: string): ChildRecord | undefined {
  const identity = identify(pid);
  if (identity === undefined) return undefined;
  const record = { name: spec.name, process: identity, softSignal: spec.softSignal };
  mkdirSync(path.join(runFolder, runFiles.children), { recursive: true });
  writeFileSync(recordFile(runFolder, pid), JSON.stringify(record));
  return record;
}

function recordFile(runFolder: string, pid: number): string {
  return path.join(runFolder, runFiles.children, `${pid}.json`);
}

async function startError(child: ChildProcess, spec: ChildSpec): Promise<Error> {
  const cause = await new Promise<Error>((resolve) => child.once('error', resolve));
  return new Error(`${spec.command} cannot be started: ${cause.message}`, { cause });
}
