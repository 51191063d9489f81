import type { Command } from 'commander';
import { type Cli, withBackend } from '../cli.ts';
import { unknownPool, UserError } from '../errors.ts';
import { csvOf } from '../output/csv.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { POOL_HEADERS, poolCells, poolDetails } from '../output/pools.ts';
import { formatPlain } from '../output/table.ts';
import { addPoolChanges } from './pool-changes.ts';
import { addExamples } from './shared-flags.ts';

/** `pool list|describe|add|grow|strategy|pause|resume|delete`: shows the pools and changes their definitions. */
export function addPool(program: Command, cli: Cli): void {
  const group = program
    .command('pool')
    .helpCommand(false)
    .summary('list the pools, and add, grow, pause or delete one')
    .description(
      'Lists the pools and changes their definitions. A pool is a range of addresses with a time after which an unused address ' +
        'is released, and a delay before a released address is allocated to another owner. Pools never share an address.',
    );
  addList(group, cli);
  addDescribe(group, cli);
  addPoolChanges(group, cli);
}

function addList(group: Command, cli: Cli): void {
  const command = group
    .command('list')
    .description('Lists the pools with their ranges and periods. Faster than `stats`, because it counts nothing.')
    .addOption(outputOption({ csv: true }))
    .action(async (_options: unknown, command: Command) => {
      const pools = await withBackend(command, cli, (backend) => backend.pools());
      await printReport(cli.terminal, command, {
        lines: () => formatPlain(POOL_HEADERS, pools.map(poolCells)),
        kind: 'PoolList',
        value: { items: pools },
        csv: () =>
          csvOf(pools, [
            'name',
            'first',
            'last',
            'autoReleaseSeconds',
            'reuseDelaySeconds',
            'strategy',
            'paused',
            'description',
          ]),
        names: () => pools.map(({ name }) => name),
      });
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} pool list`, `${name} pool list -o name`);
}

function addDescribe(group: Command, cli: Cli): void {
  const command = group
    .command('describe')
    .description('Shows one pool: its range, its periods, and how many of its addresses are in which state.')
    .argument('<pool>', 'name of the pool')
    .addOption(outputOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      const { pools, stats } = await withBackend(command, cli, async (backend) => ({
        pools: await backend.pools(),
        stats: await backend.stats(),
      }));
      const pool = pools.find((each) => each.name === name);
      if (pool === undefined) {
        throw UserError.from(
          unknownPool(
            name,
            pools.map((each) => each.name),
          ),
        );
      }
      const counts = stats.find((each) => each.pool === name);
      await printReport(cli.terminal, command, {
        lines: () => poolDetails(pool, counts),
        kind: 'Pool',
        value: { ...counts, ...pool, strategy: counts?.strategy ?? pool.strategy, pool: undefined },
        names: () => [name],
      });
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} pool describe development`);
}
