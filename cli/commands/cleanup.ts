import { type Command, InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import { addExamples } from './shared-flags.ts';

interface Options {
  readonly dryRun: boolean;
  readonly days: number;
  readonly approve: boolean;
}

/** `cleanup`: releases expired addresses. */
export function addCleanup(program: Command, { terminal }: Cli): void {
  const command = program
    .command('cleanup')
    .summary('release expired addresses')
    .description(
      'Releases the expired addresses of devices: those whose auto-release period has passed since they were allocated ' +
        'or renewed. It ignores addresses of clusters, because their operators check whether the objects still exist. If ' +
        'a pool would lose more than 50 addresses and more than 5 % of its held addresses at once, it is skipped unless ' +
        '--approve is given.',
    )
    .option('--dry-run', 'show how many would be released without releasing them', false)
    .option('-d, --days <count>', 'only addresses that expired at least this many days ago', parseDays, 0)
    .option('--approve', 'release them however many they are', false)
    .action(async (options: Options, command: Command) => {
      const { cleanUp } = await import('../ledger-mode/cleanup.ts');
      const { count, held } = await cleanUp(command.optsWithGlobals(), options);
      terminal.print(`${options.dryRun ? 'Would release' : 'Released'} ${String(count)} expired allocation(s)`);
      if (held !== undefined) throw UserError.from(held);
    });
  addExamples(command, 'rock-mac cleanup --dry-run', 'rock-mac cleanup', 'rock-mac cleanup -d 30');
}

function parseDays(text: string): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count <= 36_500) return count;
  throw new InvalidArgumentError('Give a whole number of days.');
}
