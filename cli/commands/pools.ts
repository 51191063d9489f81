import type { Command } from 'commander';
import { formatDuration } from '../../api/duration.ts';
import { withBackend, type Cli } from '../cli.ts';
import { outputOption, printReport } from '../output/format.ts';
import { formatPlain } from '../output/table.ts';
import { addExamples } from './examples.ts';

const HEADS = ['Pool', 'First', 'Last', 'Auto-Release', 'Reuse Delay', 'Paused', 'Description'];

/** `pools`: what pools there are. Quick, since it counts nothing. */
export function addPools(program: Command, cli: Cli): void {
  const command = program
    .command('pools')
    .summary('show the pools, their ranges and periods')
    .description(
      'Shows the pools with their ranges, after how long an unused address goes back by itself, and after how long ' +
        'somebody else may get it.',
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const pools = await withBackend(command, cli, (backend) => backend.pools());
      await printReport(cli.terminal, command, {
        lines: () =>
          formatPlain(
            HEADS,
            pools.map(({ name, first, last, autoReleaseSeconds, reuseDelaySeconds, paused, description }) => [
              ...[name, first, last],
              autoReleaseSeconds === null ? 'never' : formatDuration(autoReleaseSeconds),
              ...[formatDuration(reuseDelaySeconds), paused ? 'yes' : 'no', description],
            ]),
          ),
        value: { items: pools },
        names: () => pools.map(({ name }) => name),
      });
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} pools`, `${name} pools -o name`);
}
