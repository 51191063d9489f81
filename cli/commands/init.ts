import type { Command } from 'commander';
import { DEFAULT_PREFIX } from '../../api/default-pools.ts';
import { type MacAddress, macToNumber, parseMac } from '../../mac/mac-address.ts';
import type { MacPrefix, MacRange } from '../../mac/mac-range.ts';
import type { Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import { parsePrefixes } from './parse-values.ts';
import { addExamples, addReason } from './shared-flags.ts';

interface Options {
  readonly prefix?: readonly MacPrefix[];
  readonly pool?: string;
  readonly range?: string;
  readonly import?: boolean;
  readonly reason?: string;
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
        'share the range. --prefix gives a new ledger other prefixes than ' +
        `${DEFAULT_PREFIX}. The default pools then lie under the first one of three octets, or else at the beginning of the first ` +
        'shorter one; where all are longer, there are none. To add a prefix later, use `rock-mac prefix add`. If this machine has the SQLite file of the predecessor, the command shows what is in it. Nothing is allocated ' +
        'before you import that file (--import) or decline it (--no-import).',
    )
    .option(
      '--prefix <prefix>',
      `2 to 10 hex digits with which addresses begin; may be repeated (default: ${DEFAULT_PREFIX})`,
      parsePrefixes,
    )
    .option('-p, --pool <name>', 'create only this pool; needs --range')
    .option('--range <first-last>', 'part of its range, such as 01:00:00-01:3f:ff, or two whole addresses')
    .option('--import', 'import the SQLite file of the predecessor, if this machine has one')
    .option('--no-import', 'leave that file out for good')
    .action(async ({ prefix: prefixes, pool, range: part, import: imports, reason }: Options, command: Command) => {
      if ((pool === undefined) !== (part === undefined)) {
        throw new UserError('A part of a range needs both --pool and --range.', 'Give both or neither.', 'usage');
      }
      const slice = pool === undefined || part === undefined ? undefined : { pool, ...parseRange(part, prefixes) };
      const { initLedger } = await import('../ledger-mode/init.ts');
      await initLedger(command.optsWithGlobals(), { prefixes, slice, imports, reason }, terminal);
      terminal.print('Database initialized successfully!');
    });
  addReason(command);
  addExamples(
    command,
    'rock-mac init',
    'rock-mac init --import',
    'rock-mac init --pool development --range 01:00:00-01:3f:ff',
    'rock-mac init --prefix a6:58:0f',
    'rock-mac init --prefix 8c:1f:64:12:3 --prefix 02',
    'rock-mac init --ledger postgresql://owner@db.example.org/rock_mac',
  );
}

/**
 * Parses a range of two addresses in any notation, or of their last three octets. These follow the first prefix of three octets.
 */
export function parseRange(text: string, prefixes: readonly MacPrefix[] = []): MacRange {
  const home = prefixes.find((prefix) => prefix.length === DEFAULT_PREFIX.length) ?? DEFAULT_PREFIX;
  const [first, last] = endsOf(text).map((end) => parseEnd(end, home));
  if (first !== undefined && last !== undefined && macToNumber(first) <= macToNumber(last)) return { first, last };
  throw new UserError(
    `${JSON.stringify(text)} is not a range.`,
    'Write the first and the last address, such as 01:00:00-01:3f:ff.',
    'usage',
  );
}

/** Splits a range in its middle: addresses may have dashes too. */
function endsOf(text: string): readonly string[] {
  const parts = text.split('-');
  const half = parts.length / 2;
  return Number.isInteger(half) ? [parts.slice(0, half), parts.slice(half)].map((end) => end.join('-').trim()) : [];
}

function parseEnd(text: string, prefix: string): MacAddress | undefined {
  const isShort = /^[0-9a-f]{2}([:-][0-9a-f]{2}){2}$/i.test(text);
  const parsed = parseMac(isShort ? `${prefix}:${text.replaceAll('-', ':')}` : text);
  return parsed.ok ? parsed.mac : undefined;
}
