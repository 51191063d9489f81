import type { Command } from 'commander';
import { formatDuration } from '../../api/duration.ts';
import { withBackend, type Cli } from '../cli.ts';
import { outputOption, printReport } from '../output/format.ts';
import { formatPlain } from '../output/table.ts';
import { addExamples } from './shared-flags.ts';

const HEADERS = ['Pool', 'First', 'Last', 'Auto-Release', 'Reuse Delay', 'Paused', 'Description'];

/** `pools`: lists the pools. Faster than `stats`, because it counts nothing. */
export function addPools(program: Command, cli: Cli): void {
  const command = program
    .command('pools')
    .summary('list the pools with their ranges and periods')
    .description(
      'Lists the pools with their ranges, the time after which an unused address is released, and the delay before a ' +
        'released address is allocated to another owner.',
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const pools = await withBackend(command, cli, (backend) => backend.pools());
      await printReport(cli.terminal, command, {
        lines: () =>
          formatPlain(
            HEADERS,
            pools.map(({ name, first, last, autoReleaseSeconds, reuseDelaySeconds, paused, description }) => [
              name,
              first,
              last,
              autoReleaseSeconds === null ? 'never' : formatDuration(autoReleaseSeconds),
              formatDuration(reuseDelaySeconds),
              paused ? 'yes' : 'no',
              description,
            ]),
          ),
        value: { items: pools },
        names: () => pools.map(({ name }) => name),
      });
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} pools`, `${name} pools -o name`);
}
