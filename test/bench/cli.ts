/*
 * Measures how long a script waits for `rock-mac allocate` on the embedded ledger, compared with an empty Node program.
 * Rounds alternate between the commands, so that the ratio is valid on any machine. `--quick` runs fewer rounds and writes
 * no results.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { table } from '../../hack/markdown.ts';
import { mean, median, percentile } from './measure.ts';
import { keep, machine, milliseconds, times } from './report.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 10 : 60;
const BUILD = path.join(import.meta.dirname, '..', '..', 'build');

const run = promisify(execFile);
const machineName = machine();
const home = await mkdtemp(path.join(tmpdir(), 'rock-mac-bench-'));
await chmod(home, 0o755);
const env = { PATH: process.env['PATH'], HOME: home };

async function timed(command: string, ...args: readonly string[]): Promise<number> {
  const start = performance.now();
  await run(command, [...args], { env });
  return performance.now() - start;
}

const rockMac = path.join(BUILD, 'rock-mac');
const commands = {
  'node -e 0': () => timed(process.execPath, '-e', '0'),
  'rock-mac --help': () => timed(rockMac, '--help'),
  'rock-mac list': () => timed(rockMac, 'list'),
  'rock-mac allocate': () => timed(rockMac, 'allocate', '-d', 'bench'),
};

try {
  const init = await timed(rockMac, 'init');
  const first = await timed(rockMac, 'allocate', '-d', 'first');
  await timed(rockMac, 'ledger', 'stop');
  const cold = await timed(rockMac, 'allocate', '-d', 'cold');
  const measured = Object.keys(commands).map((name) => ({ name, all: [] as number[] }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, all } of measured) all.push(await commands[name as keyof typeof commands]());
  }
  const floor = median(measured[0]?.all ?? []);
  const rows = measured.map(({ name, all }) => {
    const sorted = all.toSorted((a, b) => a - b);
    const middle = median(all);
    return [
      `\`${name}\``,
      milliseconds(middle),
      milliseconds(mean(all)),
      milliseconds(percentile(sorted, 95)),
      times(middle / floor),
    ];
  });
  const allocate = median(measured.at(-1)?.all ?? []);
  const goals = [
    ['`allocate` on a running ledger: at most 300 ms', `${milliseconds(allocate)} ms`, allocate <= 300],
    ['first call after `init`: at most 3 s', `${milliseconds(first)} ms`, first <= 3_000],
    ['first call after a boot, which starts the server: at most 3 s', `${milliseconds(cold)} ms`, cold <= 3_000],
  ] as const;
  const text = [
    `Measured ${new Date().toISOString().slice(0, 10)}, ${machineName}; Node ${process.versions.node}, fsync on. \`init\` took ${milliseconds(init)} ms.`,
    table(['command', 'p50 ms', 'mean ms', 'p95 ms', 'to `node -e 0`'], rows),
    table(
      ['goal', 'measured', 'reached'],
      goals.map(([goal, value, reached]) => [goal, value, reached ? 'yes' : 'no']),
    ),
  ].join('\n\n');
  console.log(text);
  if (!quick) await keep(new URL('../../docs/benchmarks.md', import.meta.url), text, 'bench-cli');
} finally {
  await run(rockMac, ['ledger', 'stop'], { env }).catch(() => undefined);
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
}
