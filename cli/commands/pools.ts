import type { Command } from 'commander';
import { formatDuration } from '../../api/duration.ts';
import { type Cli, withBackend } from '../cli.ts';
import { csvOf } from '../output/csv.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
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
    .addOption(outputOption({ csv: true }))
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
        kind: 'PoolList',
        value: { items: pools },
        csv: () =>
          csvOf(pools, ['name', 'first', 'last', 'autoReleaseSeconds', 'reuseDelaySeconds', 'paused', 'description']),
        names: () => pools.map(({ name }) => name),
      });
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} pools`, `${name} pools -o name`);
}
