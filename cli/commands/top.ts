import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Backend } from '../backend.ts';
import { type Cli, withBackend } from '../cli.ts';
import { watchInterruption } from '../interruption.ts';
import { type Sample, topLines } from '../output/top.ts';
import { watchQuitKey } from '../quit-key.ts';
import { parseInterval } from './parse-values.ts';
import { addExamples } from './shared-flags.ts';

interface Options {
  readonly interval: number;
  readonly once: boolean;
}

/** The counts read every address of the ledger, so they are not read more often. */
const DEFAULT_SECONDS = 5;

/** Between the two samples of `--once`. */
const ONCE_MS = 1_000;

/** Escape sequences of terminals (ECMA-48, and the second screen of xterm). */
const ENTER_SCREEN = '\x1b[?1049h\x1b[?25l';
const LEAVE_SCREEN = '\x1b[?25h\x1b[?1049l';
const CLEAR = '\x1b[H\x1b[J';

/** `top`: shows how full the pools are and how fast they change, until q or Ctrl-C. */
export function addTop(program: Command, cli: Cli): void {
  const command = program
    .command('top')
    .summary('watch how full the pools are, and how fast they change')
    .description(
      'Shows how full each pool is, and how many addresses are handed out and released in a second. Ends with q or Ctrl-C. ' +
        'Without a terminal it prints the table once.',
    )
    .option('--interval <seconds>', 'time between two refreshes, from 1 to 3600', parseInterval, DEFAULT_SECONDS)
    .option('--once', 'print the table once, with the rates of one second', false)
    .action(async ({ interval, once }: Options, command: Command) => {
      await withBackend(command, cli, async (backend) => {
        if (once || !cli.terminal.interactive) await printOnce(backend, cli);
        else await refresh(backend, cli, interval * 1_000);
      });
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} top`, `${name} top --interval 2`, `${name} top --once`);
}

async function printOnce(backend: Backend, { terminal }: Cli): Promise<void> {
  const before = await sampleOf(backend);
  await sleep(ONCE_MS);
  for (const line of topLines(before, await sampleOf(backend), terminal)) terminal.print(line);
}

async function refresh(backend: Backend, { terminal }: Cli, intervalMs: number): Promise<void> {
  const interruption = watchInterruption(process);
  const key = watchQuitKey(process.stdin);
  const signal = AbortSignal.any([interruption.signal, key.signal]);
  terminal.write(ENTER_SCREEN);
  try {
    let before: Sample | undefined;
    while (!signal.aborted) {
      const after = await sampleOf(backend);
      terminal.write(`${CLEAR}${[...topLines(before, after, terminal), '', 'q quits'].join('\n')}\n`);
      before = after;
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    terminal.write(LEAVE_SCREEN);
    key.stop();
    interruption.stop();
  }
}

async function sampleOf(backend: Backend): Promise<Sample> {
  return { pools: await backend.stats(), at: new Date() };
}
