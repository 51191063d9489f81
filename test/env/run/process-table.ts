import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** Identifies one process for good. A pid alone is reused, so its start time, the boot and the pid namespace belong to it. */
export const processIdentity = z.object({ pid: z.int().positive(), started: z.string(), space: z.string() });

/** See {@link processIdentity}. */
export type ProcessIdentity = z.infer<typeof processIdentity>;

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly started: string;
  /** A zombie keeps its pid until it is reaped, but runs no code. */
  readonly zombie: boolean;
}

const goneWithinMs = 10_000;

/** Returns the identity of a process, even of a zombie. Returns undefined if there is no process with this pid. */
export function identify(pid: number): ProcessIdentity | undefined {
  const row = readRow(pid);
  return row === undefined ? undefined : { pid, started: row.started, space: pidSpace() };
}

/** Returns the identity of this process. */
export function ownIdentity(): ProcessIdentity {
  const self = identify(process.pid);
  if (self === undefined) {
    throw new Error('This process cannot find itself in the process table. Mount /proc or install ps.');
  }
  return self;
}

/**
 * Returns whether exactly this process still runs. A process of another pid namespace (a container that shares the temporary
 * folder) is not visible here, so it counts as alive.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.space !== pidSpace()) return true;
  const row = readRow(identity.pid);
  return row !== undefined && !row.zombie && row.started === identity.started;
}

/** Sends a signal to exactly this process. Returns false if it is gone, or in another pid namespace. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (identity.space !== pidSpace() || !isAlive(identity)) return false;
  return trySignal(identity.pid, signal);
}

/**
 * Kills a process and all its descendants, and waits until they are gone. Each process is stopped before its children are
 * listed, so that it cannot fork in between.
 */
export async function killTree(root: ProcessIdentity): Promise<void> {
  if (!signalProcess(root, 'SIGSTOP')) return;
  const tree = [root, ...freezeDescendants(root.pid)];
  for (const member of tree) signalProcess(member, 'SIGKILL');
  await goneWithin(tree, goneWithinMs);
}

/** Waits until none of these processes runs. Returns false if one still runs after `withinMs`. */
export async function goneWithin(identities: readonly ProcessIdentity[], withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (identities.some(isAlive)) {
    if (Date.now() > deadline) return false;
    await sleep(10);
  }
  return true;
}

function freezeDescendants(root: number): ProcessIdentity[] {
  const found = new Map<number, ProcessIdentity>();
  for (;;) {
    const fresh = readRows().filter(
      (row) => !found.has(row.pid) && !row.zombie && (row.parent === root || found.has(row.parent)),
    );
    if (fresh.length === 0) return [...found.values()];
    for (const { pid, started } of fresh) {
      const identity = { pid, started, space: pidSpace() };
      found.set(pid, identity);
      signalProcess(identity, 'SIGSTOP');
    }
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function hasProc(): boolean {
  return existsSync('/proc/self/stat');
}

function pidSpace(): string {
  return hasProc() ? readlinkSync('/proc/self/ns/pid') : 'host';
}

function readRow(pid: number): ProcessRow | undefined {
  return hasProc() ? procRow(pid) : psRows(['-p', String(pid)])[0];
}

function readRows(): ProcessRow[] {
  if (!hasProc()) return psRows(['-A']);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => procRow(Number(pid)) ?? []);
}

function procRow(pid: number): ProcessRow | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses. It can itself contain blanks and parentheses.
  const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticksAfterBoot = rest[17];
  if (ticksAfterBoot === undefined) return undefined;
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return { pid, parent: Number(parent), started: `${ticksAfterBoot}@${boot}`, zombie: state === 'Z' || state === 'X' };
}

function psRows(selection: readonly string[]): ProcessRow[] {
  let table: string;
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] satisfies ['ignore', 'pipe', 'ignore'];
    table = execFileSync('ps', [...selection, '-o', 'pid=,ppid=,stat=,lstart='], { encoding: 'utf8', stdio });
  } catch {
    return []; // ps ends with 1 when it finds nobody
  }
  return table.split('\n').flatMap((line) => {
    const [pid, parent, state, ...started] = line.trim().split(/\s+/);
    if (pid === undefined || state === undefined) return [];
    return [{ pid: Number(pid), parent: Number(parent), started: started.join(' '), zombie: state.startsWith('Z') }];
  });
}
