import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, platform, totalmem } from 'node:os';
import { table } from '../../hack/markdown.ts';

export const perSecond = (value: number) => Math.round(value).toLocaleString('en-US');
export const milliseconds = (value: number) => value.toFixed(value < 10 ? 2 : 1);
export const times = (value: number) => `${value.toFixed(2)} ×`;

export interface Goal {
  readonly goal: string;
  readonly measured: number;
  readonly reached: boolean;
}

/** A part of a report, and the goals that it measured. */
export interface Section {
  readonly text: string;
  readonly goals: readonly Goal[];
}

export const atMost = (goal: string, measured: number, limit: number): Goal => ({
  goal,
  measured,
  reached: measured <= limit,
});
export const atLeast = (goal: string, measured: number, limit: number): Goal => ({
  goal,
  measured,
  reached: measured >= limit,
});

export function goalTable(goals: readonly Goal[]): string {
  const rows = goals.map(({ goal, measured, reached }) => [goal, times(measured), reached ? 'yes' : 'no']);
  return table(['goal', 'measured', 'reached'], rows);
}

/** The machine in words that fit any: nobody needs to know whose it is. */
export function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  const system = platform() === 'linux' ? 'Linux' : platform();
  const [load = 0] = loadavg();
  return `${cpus().length} cores, ${memory} GiB, ${system}; load ${load.toFixed(1)} at the start`;
}

/** Puts a new text between the marks of a bench in the file and leaves what people wrote around them. */
export async function keep(file: URL, text: string, bench = 'bench-ledger'): Promise<void> {
  const begin = `<!-- ${bench}: written by \`make ${bench}\` -->`;
  const end = `<!-- ${bench}: end -->`;
  const before = await readFile(file, 'utf8');
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${file.pathname} has lost its marks ${begin} and ${end}`);
  await writeFile(file, `${before.slice(0, from)}${begin}\n\n${text}\n\n${before.slice(to)}`);
}
