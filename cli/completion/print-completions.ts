import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type Candidate, complete, type Completion, type LiveSource, withPrefix } from './complete.ts';

const MAX_SUGGESTIONS = 50;

/** Time limit for values from the ledger or the cluster: a user waits at the prompt. */
const TIMEOUT_MS = 2_000;

/** The last line of the output: whether the shell may complete files (cobra's protocol: bit 4 says no). */
const DIRECTIVES = { files: ':0', noFiles: ':4' } as const;

/**
 * Prints the candidates, one per line with a tab and a description, then a directive. Errors are ignored: a completion
 * must not print anything else.
 */
export async function printCompletions(program: Command, words: readonly string[], cli: Cli): Promise<void> {
  const { candidates, live, files, typed, options } = complete(program, words);
  const liveCandidates = live === undefined ? [] : await withinTimeout(readLive(live, typed, options, cli));
  for (const { text, description } of [...candidates, ...liveCandidates]) {
    cli.terminal.print(description === '' ? text : `${text}\t${description}`);
  }
  cli.terminal.print(files ? DIRECTIVES.files : DIRECTIVES.noFiles);
}

/** Reads candidates from the ledger or the cluster. */
async function readLive(
  live: LiveSource,
  typed: string,
  options: Completion['options'],
  { mode }: Cli,
): Promise<readonly Candidate[]> {
  // Flags that were not typed may be set by environment variables, as for every command.
  const fromEnvironment = Object.fromEntries(
    mode.globalOptions().flatMap((option) => {
      const value = option.envVar === undefined ? undefined : process.env[option.envVar];
      return value === undefined ? [] : [[option.attributeName(), value]];
    }),
  );
  const backend = await mode.open({ ...fromEnvironment, ...options }, () => undefined);
  try {
    if (live === 'prefixes') {
      const prefixes = await backend.prefixes();
      return withPrefix(
        typed,
        prefixes.map(({ prefix, note }) => ({ text: prefix, description: note })),
      );
    }
    if (live !== 'pools') return await backend.suggest(typed, MAX_SUGGESTIONS);
    const pools = await backend.pools();
    return withPrefix(
      typed,
      pools.map(({ name, description }) => ({ text: name, description })),
    );
  } finally {
    await backend.close();
  }
}

/** Returns no candidates if they cannot be read in time. */
async function withinTimeout(reading: Promise<readonly Candidate[]>): Promise<readonly Candidate[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Candidate[]>((resolve) => {
    timer = setTimeout(() => {
      resolve([]);
    }, TIMEOUT_MS);
  });
  try {
    return await Promise.race([reading, late]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}
