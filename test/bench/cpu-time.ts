import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds of CPU since their start, by program. */
export type CpuTime = ReadonlyMap<string, number>;

const PROGRAMS = [
  ['API server', /kube-apiserver/],
  ['etcd', /\/etcd /],
  ['controllers', /kube-controller-manager/],
  ['Postgres', /postgres/],
  ['webhook', /webhook(\/main)?\.(ts|js)/],
  ['operator', /operator(\/main)?\.(ts|js)/],
] as const;
const THIS_PROCESS = 'client and Service';

/** /proc counts in hundredths of a second on every Linux of today (USER_HZ). */
const TICK_MS = 10;

/** What this process and all that it started have used; empty where there is no /proc. */
export function cpuTime(): CpuTime {
  const parents = new Map<number, number>();
  const used = new Map<number, number>();
  for (const pid of pids()) {
    const fields = statOf(pid);
    if (fields === undefined) continue;
    parents.set(pid, Number(fields[1]));
    used.set(pid, (Number(fields[11]) + Number(fields[12])) * TICK_MS);
  }
  const byProgram = new Map<string, number>();
  for (const [pid, ms] of used) {
    const program = pid === process.pid ? THIS_PROCESS : isOurs(pid, parents) ? programOf(pid) : undefined;
    if (program !== undefined) byProgram.set(program, (byProgram.get(program) ?? 0) + ms);
  }
  return byProgram;
}

function pids(): readonly number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** The fields after the name, which may hold anything: state, parent … (proc_pid_stat(5)). A process may be gone by now. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function isOurs(pid: number, parents: ReadonlyMap<number, number>): boolean {
  const parent = parents.get(pid);
  return parent !== undefined && (parent === process.pid || isOurs(parent, parents));
}

function programOf(pid: number): string | undefined {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return PROGRAMS.find(([, pattern]) => pattern.test(command))?.[0];
  } catch {
    return undefined;
  }
}
