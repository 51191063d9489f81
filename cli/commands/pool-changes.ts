import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_STRATEGY, POOL_STRATEGIES, type PoolStrategy } from '../../api/pool-strategy.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import { rangeOfSize } from '../../mac/mac-range.ts';
import type { PoolChange } from '../backend.ts';
import { type Cli, valueOf, withBackend } from '../cli.ts';
import { UserError } from '../errors.ts';
import { requireMac } from '../target.ts';
import { parseDurationSeconds, parseRowCount } from './parse-values.ts';
import { addDryRun, addExamples, addReason } from './shared-flags.ts';

interface AddOptions {
  readonly first: MacAddress;
  readonly last?: MacAddress;
  readonly size?: number;
  readonly description: string;
  readonly autoRelease: number | null;
  readonly reuseDelay: number;
  readonly strategy?: PoolStrategy | undefined;
  readonly reason?: string;
}

interface GrowOptions {
  readonly last: MacAddress;
  readonly reason?: string;
}

/** `pool add|grow|strategy|pause|resume|delete`. */
export function addPoolChanges(group: Command, cli: Cli): void {
  addAdd(group, cli);
  addGrow(group, cli);
  addStrategy(group, cli);
  addSimple(
    'pause',
    'Pauses a pool: it hands out nothing until it is resumed. Its addresses stay valid and can be released.',
    group,
    cli,
  );
  addSimple('resume', 'Lets a paused pool hand out addresses again.', group, cli);
  addSimple(
    'delete',
    'Deletes a pool of which no address is held. A pool that handed out addresses before is only paused, because the ledger ' +
      'keeps their history.',
    group,
    cli,
  );
}

function addAdd(group: Command, cli: Cli): void {
  const command = group
    .command('add')
    .description('Adds a pool. Its range must lie under a prefix of the ledger and must not overlap another pool.')
    .argument('<pool>', 'name of the new pool')
    .requiredOption('--first <mac>', 'first address, in any notation', parseAddress)
    .option('--last <mac>', 'last address, in any notation', parseAddress)
    .option('--size <number>', 'number of addresses, instead of --last', parseRowCount)
    .option('--description <text>', 'what the pool is for', '')
    .addOption(
      new Option('--auto-release <time>', 'release unused addresses after this time')
        .argParser(parseAutoRelease)
        .default(null, 'never'),
    )
    .addOption(
      new Option('--reuse-delay <time>', 'how long a released address is given to nobody else')
        .argParser(parseDurationSeconds)
        .default(3_600, '1h'),
    )
    .addOption(
      new Option(
        '--strategy <strategy>',
        `order of addresses that were never used; a new pool is ${DEFAULT_STRATEGY}`,
      ).choices(POOL_STRATEGIES),
    )
    .action(async (name: string, options: AddOptions, command: Command) => {
      const {
        first,
        description,
        autoRelease: autoReleaseSeconds,
        reuseDelay: reuseDelaySeconds,
        strategy,
        reason,
      } = options;
      const last = lastOf(options);
      const definition = { name, first, last, description, autoReleaseSeconds, reuseDelaySeconds, strategy };
      await change(command, cli, { kind: 'add', definition, reason });
    });
  addReason(command);
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} pool add lab --first a4:58:0f:10:00:00 --size 256`,
    `${name} pool add ci --first a4:58:0f:11:00:00 --last a4:58:0f:11:ff:ff --auto-release 1d --reuse-delay 1h`,
    `${name} pool add site --first a4:58:0f:12:00:00 --last a4:58:0f:12:ff:ff --strategy random`,
  );
}

function addGrow(group: Command, cli: Cli): void {
  const command = group
    .command('grow')
    .description('Moves the end of a pool to a later address. A pool never shrinks, and its beginning never moves.')
    .argument('<pool>', 'name of the pool')
    .requiredOption('--last <mac>', 'new last address, in any notation', parseAddress)
    .action(async (pool: string, { last, reason }: GrowOptions, command: Command) => {
      await change(command, cli, { kind: 'grow', pool, last, reason });
    });
  addReason(command);
  addDryRun(command, cli.mode);
  addExamples(command, `${cli.mode.program} pool grow lab --last a4:58:0f:10:03:ff`);
}

function addStrategy(group: Command, cli: Cli): void {
  const command = group
    .command('strategy')
    .description(
      'Changes the order in which a pool hands out addresses that were never used: sequential, from the first to the last, or random. ' +
        'Held addresses stay as they are.',
    )
    .argument('<pool>', 'name of the pool')
    .addArgument(new Argument('<strategy>', 'the new strategy').choices(POOL_STRATEGIES))
    .action(
      async (pool: string, strategy: PoolStrategy, { reason }: { readonly reason?: string }, command: Command) => {
        await change(command, cli, { kind: 'strategy', pool, strategy, reason });
      },
    );
  addReason(command);
  addDryRun(command, cli.mode);
  addExamples(command, `${cli.mode.program} pool strategy lab random`);
}

function addSimple(kind: 'pause' | 'resume' | 'delete', description: string, group: Command, cli: Cli): void {
  const command = group
    .command(kind)
    .description(description)
    .argument('<pool>', 'name of the pool')
    .action(async (pool: string, { reason }: { readonly reason?: string }, command: Command) => {
      await change(command, cli, { kind, pool, reason });
    });
  addReason(command);
  addDryRun(command, cli.mode);
  addExamples(command, `${cli.mode.program} pool ${kind} lab`);
}

async function change(command: Command, cli: Cli, poolChange: PoolChange): Promise<void> {
  const result = await withBackend(command, cli, (backend) => backend.changePool(poolChange));
  const line = valueOf(result, cli.terminal);
  if (line !== undefined) cli.terminal.print(line);
}

/** Returns the last address that the flags name. Throws a UserError unless exactly one of them is given. */
function lastOf({ first, last, size }: Pick<AddOptions, 'first' | 'last' | 'size'>): MacAddress {
  if (last !== undefined && size === undefined) return last;
  if (last !== undefined || size === undefined) {
    throw new UserError('The end of the pool is not clear.', 'Give either --last or --size.', 'usage');
  }
  const range = rangeOfSize(first, size);
  if (range !== undefined) return requireMac(range.last);
  throw new UserError(`There are no ${String(size)} addresses after ${first}.`, 'Give a smaller --size.', 'usage');
}

function parseAddress(text: string): MacAddress {
  const parsed = parseMac(text);
  if (parsed.ok) return parsed.mac;
  throw new InvalidArgumentError('Give the address of a device, such as a4:58:0f:10:00:00.');
}

function parseAutoRelease(text: string): number | null {
  return text === 'never' ? null : parseDurationSeconds(text);
}
