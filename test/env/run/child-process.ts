import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type ChildRecord, endChild, RUN_FILES } from './cleanup.ts';
import { identify, killTree } from './process-table.ts';

/** A program to run, and its user. */
export interface ChildSpec {
  /** The name of the log file. Unique among the processes that run at the same time. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. Nothing is inherited, so the user's PGPORT or HTTPS_PROXY has no effect. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** The signal that the cleanup sends first, if SIGKILL alone would leave resources behind. */
  readonly softSignal?: ChildRecord['softSignal'];
}

/** How a child exited. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process that is recorded in the run folder. */
export interface Child {
  readonly pid: number;
  /** The file with its stdout and stderr. A restarted process appends to it. */
  readonly logFile: string;
  /** Undefined while it runs. */
  readonly exit: ChildExit | undefined;
  /** Whether this process sent it a signal. If not, its exit is unexpected. */
  readonly signalled: boolean;
  /** Resolves when it has exited. Never rejects. */
  readonly exited: Promise<ChildExit>;
  signal(signal: NodeJS.Signals): void;
  /** Sends SIGKILL to it and its descendants. Resolves when they are gone. */
  kill(): Promise<void>;
  /** Like {@link kill}, but first sends the soft signal of its spec. */
  end(): Promise<void>;
}

/**
 * Starts a child in its own session, and records it in the run folder at once. A Ctrl-C in the terminal then reaches only the
 * owner, which stops the children in the right order. Throws if the program cannot be started.
 */
export async function startChild(spec: ChildSpec, runFolder: string): Promise<Child> {
  const logFile = path.join(runFolder, 'logs', `${spec.name}.log`);
  const child = spawnToLog(spec, logFile);
  // Synchronous from fork to record: if the runner were killed in between, nobody would know the child.
  const record = child.pid === undefined ? undefined : register(spec, child.pid, runFolder);
  let exit: ChildExit | undefined;
  let signalled = false;
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
    get signalled() {
      return signalled;
    },
    exited,
    signal: (signal) => {
      signalled = true;
      child.kill(signal);
    },
    kill: async () => {
      signalled = true;
      await killTree(record.process);
      await exited;
    },
    end: async () => {
      signalled = true;
      await endChild(record);
      await exited;
    },
  };
}

/** Returns the last lines of a log file for error messages. Returns an empty string if there is no file. */
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
  mkdirSync(path.join(runFolder, RUN_FILES.children), { recursive: true });
  writeFileSync(recordFile(runFolder, pid), JSON.stringify(record));
  return record;
}

function recordFile(runFolder: string, pid: number): string {
  return path.join(runFolder, RUN_FILES.children, `${pid}.json`);
}

async function startError(child: ChildProcess, spec: ChildSpec): Promise<Error> {
  const cause = await new Promise<Error>((resolve) => child.once('error', resolve));
  return new Error(`${spec.command} cannot be started: ${cause.message}`, { cause });
}
