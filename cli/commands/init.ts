import { type Command, InvalidArgumentError } from 'commander';
import { DEFAULT_PREFIX } from '../../api/default-pools.ts';
import { type MacAddress, macToNumber, parseMac } from '../../mac/mac-address.ts';
import { type MacPrefix, type MacRange, parsePrefix } from '../../mac/mac-range.ts';
import type { Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import { addExamples } from './shared-flags.ts';

interface Options {
  readonly prefix?: MacPrefix;
  readonly pool?: string;
  readonly range?: string;
  readonly import?: boolean;
}

/** `init`: creates a ledger. */
export function addInit(program: Command, { terminal }: Cli): void {
  const command = program
    .command('init')
    .summary('create a ledger, in a database or embedded on this machine')
    .description(
      'Creates a ledger: with --ledger (or ROCK_MAC_LEDGER_URL) in that database, else in an embedded Postgres under ' +
        '~/.rock/ledger. The embedded one listens only on a local socket, starts with its first use and runs until ' +
        '`rock-mac ledger stop` or the next boot. Never create two ledgers for the same range: they would allocate the ' +
        'same addresses. With --pool and --range a ledger manages only a part of one range, so that several machines can ' +
        'share the range. --prefix moves a ledger without allocations and clusters to another prefix, with the same pools. ' +
        'If this machine has the SQLite file of the predecessor, the command shows what is in it. Nothing is allocated ' +
        'before you import that file (--import) or decline it (--no-import).',
    )
    .option('--prefix <octets>', `first three octets of all addresses (default: ${DEFAULT_PREFIX})`, parsePrefixOption)
    .option('-p, --pool <name>', 'create only this pool; needs --range')
    .option('--range <first-last>', 'part of its range, such as 01:00:00-01:3f:ff')
    .option('--import', 'import the SQLite file of the predecessor, if this machine has one')
    .option('--no-import', 'leave that file out for good')
    .action(async ({ prefix, pool, range: part, import: imports }: Options, command: Command) => {
      if ((pool === undefined) !== (part === undefined)) {
        throw new UserError('A part of a range needs both --pool and --range.', 'Give both or neither.');
      }
      const slice = pool === undefined || part === undefined ? undefined : { pool, ...parseRange(part, prefix) };
      const { initLedger } = await import('../ledger-mode/init.ts');
      await initLedger(command.optsWithGlobals(), { prefix, slice, imports }, terminal);
      terminal.print('Database initialized successfully!');
    });
  addExamples(
    command,
    'rock-mac init',
    'rock-mac init --import',
    'rock-mac init --pool development --range 01:00:00-01:3f:ff',
    'rock-mac init --prefix a6:58:0f',
    'rock-mac init --ledger postgresql://owner@db.example.org/rock_mac',
  );
}

/** Parses a prefix of three octets, which leaves room for the default pools. */
export function parsePrefixOption(text: string): MacPrefix {
  const prefix = parsePrefix(text);
  if (prefix?.split(':').length === 3 && parseMac(`${prefix}:00:00:01`).ok) return prefix;
  throw new InvalidArgumentError('Give the first three octets of unicast addresses, such as a6:58:0f.');
}

/** Parses a range of two addresses, or of their last three octets below the prefix. */
export function parseRange(text: string, prefix: string = DEFAULT_PREFIX): MacRange {
  const ends = text.split('-').map((end) => parseEnd(end.trim(), prefix));
  const [first, last] = ends;
  if (ends.length === 2 && first !== undefined && last !== undefined && macToNumber(first) <= macToNumber(last)) {
    return { first, last };
  }
  throw new UserError(
    `${JSON.stringify(text)} is not a range.`,
    'Write the first and the last address, such as 01:00:00-01:3f:ff.',
    'usage',
  );
}

function parseEnd(text: string, prefix: string): MacAddress | undefined {
  const parsed = parseMac(text.split(':').length === 3 ? `${prefix}:${text}` : text);
  return parsed.ok ? parsed.mac : undefined;
}
