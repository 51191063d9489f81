import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { beginningWith, complete, type Candidate, type Completion, type Live } from './complete.ts';

const AT_MOST = 50;

/** Nobody waits longer for the answer to a key. */
const PATIENCE_MS = 2_000;

/** How kubectl and our shell scripts are told whether files may follow (cobra's protocol: bit 4 says no). */
const DIRECTIVES = { files: ':0', noFiles: ':4' } as const;

/**
 * Prints what may follow, one on a line with a tab and a word about it, then a directive. Never fails and never says why
 * not: a person who presses a key wants an answer or none.
 */
export async function answerCompletion(program: Command, words: readonly string[], cli: Cli): Promise<void> {
  const { candidates, live, files, typed, options } = complete(program, words);
  const more = live === undefined ? [] : await inTime(askLive(live, typed, options, cli));
  for (const { text, about } of [...candidates, ...more]) {
    cli.terminal.print(about === '' ? text : `${text}\t${about}`);
  }
  cli.terminal.print(files ? DIRECTIVES.files : DIRECTIVES.noFiles);
}

async function askLive(
  live: Live,
  typed: string,
  options: Completion['options'],
  { mode }: Cli,
): Promise<readonly Candidate[]> {
  // What is not typed may stand in the environment, as for every command.
  const fromEnvironment = Object.fromEntries(
    mode.globalOptions().flatMap((option) => {
      const value = option.envVar === undefined ? undefined : process.env[option.envVar];
      return value === undefined ? [] : [[option.attributeName(), value]];
    }),
  );
  const backend = await mode.open({ ...fromEnvironment, ...options }, () => undefined);
  try {
    if (live !== 'pools') return await backend.suggest(typed, AT_MOST);
    const pools = await backend.pools();
    return beginningWith(
      typed,
      pools.map(({ name, description }) => ({ text: name, about: description })),
    );
  } finally {
    await backend.close();
  }
}

async function inTime(question: Promise<readonly Candidate[]>): Promise<readonly Candidate[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Candidate[]>((resolve) => {
    timer = setTimeout(() => {
      resolve([]);
    }, PATIENCE_MS);
  });
  try {
    return await Promise.race([question, late]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}
