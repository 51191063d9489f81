import { type Command, Option } from 'commander';
import { PREFIX_KINDS, type PrefixKind } from '../../ledger/pool/prefixes.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import { type Cli, withBackend } from '../cli.ts';
import { csvOf } from '../output/csv.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { formatPlain } from '../output/table.ts';
import { formatMinutes } from '../output/time.ts';
import { addLedgerOnly } from './ledger-only.ts';
import { parseUnicastPrefix } from './parse-values.ts';
import { addExamples, addReason } from './shared-flags.ts';

const HEADERS = ['Prefix', 'Kind', 'Note'];
const WIDE_HEADERS = [...HEADERS, 'Added', 'Added By'];

interface AddOptions {
  readonly kind?: PrefixKind;
  readonly note?: string;
  readonly reason?: string;
}

/** `prefix list|add|remove`: what the addresses of the ledger begin with. */
export function addPrefixCommands(program: Command, cli: Cli): void {
  const { program: name, kind } = cli.mode;
  const group = program
    .command('prefix')
    .helpCommand(false)
    .summary('list, add or remove the prefixes of the ledger')
    .description(
      'Lists, adds or removes the prefixes of the ledger. Every pool lies under one of them, so addresses under other prefixes are ' +
        'never handed out.',
    );
  const list = group
    .command('list')
    .description('Shows the prefixes of the ledger, in the order of their addresses.')
    .addOption(outputOption({ csv: true }))
    .action(async (_options: unknown, command: Command) => {
      const prefixes = await withBackend(command, cli, (backend) => backend.prefixes());
      await printReport(cli.terminal, command, {
        lines: (format) => {
          if (prefixes.length === 0) return ['The ledger has no prefix'];
          const rows = prefixes.map(({ prefix, kind, note, addedAt, addedBy }) => {
            const cells = [prefix, kind, note];
            return format === 'wide' ? [...cells, formatMinutes(addedAt), addedBy] : cells;
          });
          return formatPlain(format === 'wide' ? WIDE_HEADERS : HEADERS, rows);
        },
        kind: 'PrefixList',
        value: { items: prefixes },
        csv: () => csvOf(prefixes, ['prefix', 'kind', 'note', 'addedAt', 'addedBy']),
        names: () => prefixes.map(({ prefix }) => prefix),
      });
    });
  addExamples(list, `${name} prefix list`, `${name} prefix list -o name`);
  if (kind === 'ledger') addChanges(group, cli);
  else addLedgerOnly(group, ['add', 'remove'], 'prefix ');
}

function addChanges(group: Command, { terminal }: Cli): void {
  const adding = group
    .command('add')
    .description(
      'Adds a prefix, or changes the kind and the note of one that the ledger has. Running operators and webhooks follow within ' +
        '30 seconds. Prefixes never overlap. Needs the owner of the ledger or an admin.',
    )
    .argument('<prefix>', '2 to 10 hex digits, such as 02, a6:58:0f or 8c:1f:64:12:3', parseUnicastPrefix)
    .addOption(
      new Option(
        '--kind <kind>',
        'ieee: assigned to you. local: locally administered. vendor: assigned to the vendor of your devices (default: local if ' +
          'its bit says so, else ieee)',
      ).choices(PREFIX_KINDS),
    )
    .option('--note <text>', 'what it is for')
    .action(async (prefix: MacPrefix, { reason, ...options }: AddOptions, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { addNamed } = await import('../ledger-mode/prefixes.ts');
      terminal.print(
        await withLedger(command.optsWithGlobals(), (ledger) => addNamed(ledger, { prefix, ...options }, reason)),
      );
    });
  addReason(adding);
  addExamples(
    adding,
    'rock-mac prefix add 02 --note "the range of kubemacpool"',
    'rock-mac prefix add 8c:1f:64:12:3 --kind ieee',
  );
  const removing = group
    .command('remove')
    .description('Removes a prefix under which no pool lies. Needs the owner of the ledger or an admin.')
    .argument('<prefix>', 'a prefix of the ledger', parseUnicastPrefix)
    .action(async (prefix: MacPrefix, { reason }: { readonly reason?: string }, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { removeNamed } = await import('../ledger-mode/prefixes.ts');
      terminal.print(await withLedger(command.optsWithGlobals(), (ledger) => removeNamed(ledger, prefix, reason)));
    });
  addReason(removing);
  addExamples(removing, 'rock-mac prefix remove 02');
}
