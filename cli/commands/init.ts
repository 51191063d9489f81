import { InvalidArgumentError, type Command } from 'commander';
import { DEFAULT_PREFIX } from '../../api/default-pools.ts';
import { macToNumber, parseMac, type MacAddress } from '../../mac/mac-address.ts';
import { parsePrefix, type MacPrefix, type MacRange } from '../../mac/mac-range.ts';
import type { Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import { addExamples } from './examples.ts';

interface Options {
  readonly prefix?: MacPrefix;
  readonly pool?: string;
  readonly range?: string;
}

/** `init`: a ledger where there was none. */
export function addInit(program: Command, { terminal }: Cli): void {
  const command = program
    .command('init')
    .summary('make a ledger: in a database, or an embedded one on this machine')
    .description(
      'Makes a ledger. With --ledger (or ROCK_MAC_LEDGER_URL) in that database; without, an embedded Postgres under ' +
        '~/.rock/ledger, which listens on a local socket only, starts at its first use and runs until `rock-mac ledger ' +
        'stop` or the next boot. Two ledgers over the same range know nothing of each other: there must be one. With ' +
        '--pool and --range it is made for a part of one range, so that several machines can share that. A ledger on ' +
        'which nobody counts yet gets another prefix by --prefix, with the same pools under it.',
    )
    .option('--prefix <octets>', `the first three octets of all addresses (default: ${DEFAULT_PREFIX})`, prefixOption)
    .option('-p, --pool <name>', 'only this pool, with --range')
    .option('--range <first-last>', 'the part of its range, such as 01:00:00-01:3f:ff')
    .action(async ({ prefix, pool, range: part }: Options, command: Command) => {
      if ((pool === undefined) !== (part === undefined)) {
        throw new UserError('A part of a range needs both --pool and --range.', 'Give both, or none.');
      }
      const slice = pool === undefined || part === undefined ? undefined : { pool, ...range(part, prefix) };
      const { initLedger } = await import('../ledger-mode/init.ts');
      await initLedger(command.optsWithGlobals(), { prefix, slice }, terminal);
      terminal.print('Database initialized successfully!');
    });
  addExamples(
    command,
    'rock-mac init',
    'rock-mac init --pool development --range 01:00:00-01:3f:ff',
    'rock-mac init --prefix a6:58:0f',
    'rock-mac init --ledger postgresql://owner@db.example.org/rock_mac',
  );
}

/** Three octets: what stands behind them has room for the default pools. */
export function prefixOption(text: string): MacPrefix {
  const prefix = parsePrefix(text);
  if (prefix?.split(':').length === 3 && parseMac(`${prefix}:00:00:01`).ok) return prefix;
  throw new InvalidArgumentError('Want the first three octets of addresses that a device may carry, such as a6:58:0f.');
}

/** Two addresses, or their last three octets under the prefix. */
export function range(text: string, prefix: string = DEFAULT_PREFIX): MacRange {
  const ends = text.split('-').map((end) => readEnd(end.trim(), prefix));
  const [first, last] = ends;
  if (ends.length === 2 && first !== undefined && last !== undefined && macToNumber(first) <= macToNumber(last)) {
    return { first, last };
  }
  throw new UserError(
    `${JSON.stringify(text)} is no range.`,
    'Write the first and the last address, such as 01:00:00-01:3f:ff.',
    'usage',
  );
}

function readEnd(text: string, prefix: string): MacAddress | undefined {
  const parsed = parseMac(text.split(':').length === 3 ? `${prefix}:${text}` : text);
  return parsed.ok ? parsed.mac : undefined;
}
