import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type ChildSpec, logTail } from './child-process.ts';
import type { Log, Run } from './run.ts';

/** A server of the test environment that tests can stop, kill and restart. Its ports and its data stay the same. */
export interface ServerProcess {
  readonly name: string;
  readonly logFile: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Resolves when it is ready. Throws if it is already running, exits early or is not ready in time. */
  start(): Promise<void>;
  /** Sends the stop signal and waits for its exit. Does nothing if it is down. */
  stop(): Promise<void>;
  /** Sends SIGKILL to it and its children, like a power failure. Resolves when they are gone. */
  kill(): Promise<void>;
}

export interface ServerProcessSpec {
  readonly child: ChildSpec;
  /** Called repeatedly until it returns true. An exception counts as false. */
  readonly ready: () => Promise<boolean>;
  readonly readyWithinMs?: number;
  readonly stopSignal?: NodeJS.Signals;
  readonly stopWithinMs?: number;
}

const POLL_MS = 50;

/** Creates a server process, which is down until its first `start()`. */
export function createServerProcess(run: Run, spec: ServerProcessSpec): ServerProcess {
  const { name } = spec.child;
  let child: Child | undefined;
  const running = () => (child?.exit === undefined ? child : undefined);

  return {
    name,
    logFile: `${run.folder}/logs/${name}.log`,
    get pid() {
      return running()?.pid;
    },
    start: async () => {
      if (running() !== undefined) throw new Error(`${name} is already running.`);
      child = await run.spawn(spec.child);
      await untilReady(child, spec);
      void reportUnexpectedExit(child, name, run.log);
    },
    stop: async () => {
      const stopping = running();
      if (stopping !== undefined) await stopChild(stopping, spec);
    },
    kill: async () => {
      await running()?.kill();
    },
  };
}

async function reportUnexpectedExit(child: Child, name: string, log: Log): Promise<void> {
  const { code, signal } = await child.exited;
  if (!child.signalled)
    log(`${name} exited unexpectedly (${signal ?? `code ${code ?? '?'}`}). Its log: ${child.logFile}`);
}

async function untilReady(child: Child, spec: ServerProcessSpec): Promise<void> {
  const withinMs = spec.readyWithinMs ?? 90_000;
  const deadline = Date.now() + withinMs;
  while (child.exit === undefined) {
    if (await spec.ready().catch(() => false)) return;
    if (Date.now() > deadline) {
      await child.kill();
      throw startFailure(child, spec, `was not ready within ${withinMs / 1000} s`);
    }
    await Promise.race([sleep(POLL_MS), child.exited]);
  }
  const { code, signal } = child.exit;
  throw startFailure(child, spec, `exited with ${signal ?? `code ${code ?? '?'}`} while it started`);
}

function startFailure(child: Child, spec: ServerProcessSpec, what: string): Error {
  return new Error(`${spec.child.name} ${what}. The end of its log (${child.logFile}):\n${logTail(child.logFile)}`);
}

async function stopChild(child: Child, spec: ServerProcessSpec): Promise<void> {
  const withinMs = spec.stopWithinMs ?? 60_000;
  child.signal(spec.stopSignal ?? 'SIGTERM');
  const patience = new AbortController();
  const ended = await Promise.race([
    child.exited.then(() => true),
    sleep(withinMs, false, { signal: patience.signal }).catch(() => false),
  ]);
  patience.abort();
  if (ended) return;
  await child.kill();
  throw new Error(`${spec.child.name} did not exit within ${withinMs / 1000} s after the stop signal, and was killed.`);
}
