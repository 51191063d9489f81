import { setTimeout as sleep } from 'node:timers/promises';
import { logTail, type Child, type ChildSpec } from './child-process.ts';
import type { Log, Run } from './run.ts';

/** A server of the test environment that can be broken on purpose. Its ports and its data stay the same over its lives. */
export interface ServerProcess {
  readonly name: string;
  readonly logFile: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Resolves when it answers. Throws when it runs already, ends early or is not ready in time. */
  start(): Promise<void>;
  /** Asks it to end and waits for its exit. Nothing happens when it is down already. */
  stop(): Promise<void>;
  /** SIGKILL, for it and its own children, as a power cut would do; resolves when they are gone. */
  kill(): Promise<void>;
}

export interface ServerProcessSpec {
  readonly child: ChildSpec;
  /** Asked again and again until it says true; throwing is the same as false. */
  readonly ready: () => Promise<boolean>;
  readonly readyWithinMs?: number;
  readonly stopSignal?: NodeJS.Signals;
  readonly stopWithinMs?: number;
}

const askEveryMs = 50;

/** Makes a part; it is down until its first `start()`. */
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
      if (running() !== undefined) throw new Error(`${name} runs already.`);
      child = await run.spawn(spec.child);
      await untilReady(child, spec);
      void reportUnaskedEnd(child, name, run.log);
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

async function reportUnaskedEnd(child: Child, name: string, log: Log): Promise<void> {
  const { code, signal } = await child.exited;
  if (!child.asked) log(`${name} has ended (${signal ?? `code ${code ?? '?'}`}), unasked; its log: ${child.logFile}`);
}

async function untilReady(child: Child, spec: ServerProcessSpec): Promise<void> {
  const withinMs = spec.readyWithinMs ?? 90_000;
  const deadline = Date.now() + withinMs;
  while (child.exit === undefined) {
    if (await spec.ready().catch(() => false)) return;
    if (Date.now() > deadline) {
      await child.kill();
      throw startFailure(child, spec, `did not answer within ${withinMs / 1000} s`);
    }
    await Promise.race([sleep(askEveryMs), child.exited]);
  }
  const { code, signal } = child.exit;
  throw startFailure(child, spec, `ended with ${signal ?? `code ${code ?? '?'}`} while it started`);
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
  throw new Error(`${spec.child.name} did not end within ${withinMs / 1000} s after being asked to, and was killed.`);
}
