import { InvalidArgumentError, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExamples } from './examples.ts';

interface Options {
  readonly dryRun: boolean;
  readonly days: number;
  readonly approve: boolean;
}

/** `cleanup`: what has expired goes back. */
export function addCleanup(program: Command, { terminal }: Cli): void {
  const command = program
    .command('cleanup')
    .summary('give back what has expired')
    .description(
      'Gives back the addresses of devices whose time is over, that is, whose auto-release period has passed since they ' +
        'were allocated or renewed. Addresses of clusters are not touched: their operators look whether the objects ' +
        'live. A pool that would lose more than 50 addresses and 5 % of what it holds at once is left alone until a ' +
        'person says --approve.',
    )
    .option('--dry-run', 'say how many, and release none', false)
    .option('-d, --days <count>', 'only those whose time has been over for so many days', days, 0)
    .option('--approve', 'however many they are', false)
    .action(async (options: Options, command: Command) => {
      const { cleanUp } = await import('../ledger-mode/cleanup.ts');
      const { count, held } = await cleanUp(command.optsWithGlobals(), options);
      terminal.print(`${options.dryRun ? 'Would release' : 'Released'} ${String(count)} expired allocation(s)`);
      if (held !== undefined) throw held;
    });
  addExamples(command, 'rock-mac cleanup --dry-run', 'rock-mac cleanup', 'rock-mac cleanup -d 30');
}

function days(text: string): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count <= 36_500) return count;
  throw new InvalidArgumentError('Want a whole number of days.');
}
