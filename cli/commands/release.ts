import type { Command } from 'commander';
import type { Address, ReleaseOptions } from '../backend.ts';
import { type Cli, withBackend } from '../cli.ts';
import { refusalText, UserError } from '../errors.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { parseTarget, type Target } from '../target.ts';
import { addFilters, type FilterOptions, FILTERS, filtersOf } from './address-filters.ts';
import { parseStates } from './parse-values.ts';
import { releaseAll } from './release-all.ts';
import { addDryRun, addExamples, addReason, isDryRun, OBJECT_NAMES } from './shared-flags.ts';

function stays({ mac, owner }: Address): string {
  return `${mac} is not sticky any more. It stays with ${userOf(owner)}, which uses it, and is released when that ends.`;
}

function wouldStay({ mac, owner }: Address): string {
  return `${mac} would not be sticky any more. If ${userOf(owner)} uses it, it stays with that until it ends, and else it is released.`;
}

function userOf(owner: Address['owner']): string {
  return owner === undefined ? 'the object' : `${owner.kind.toLowerCase()} ${owner.namespace}/${owner.name}`;
}

interface Options extends FilterOptions, ReleaseOptions {
  readonly all: boolean;
  readonly yes: boolean;
}

/** `release`: releases an address, all addresses of a device, or all that fit. */
export function addRelease(program: Command, cli: Cli): void {
  const command = program
    .command('release')
    .summary('release an address, all addresses of a device, or all old ones')
    .description(
      'Releases an address, or all addresses of a device. An argument with a colon is an address, anything else a ' +
        'device. The command also succeeds if nothing is held. It never releases the address of an object in a cluster: ' +
        'delete the object, or retire its cluster. With --all or --older-than it releases all addresses that fit the filters, after it ' +
        'has shown how many they are and you have agreed.',
    )
    .argument('[mac|device]', OBJECT_NAMES)
    .option(
      '-f, --force',
      'also release reserved and orphaned addresses, and those of claims whose pod was deleted by force and may still run',
      false,
    )
    .option('--all', 'release all addresses that fit the filters', false)
    .option('-y, --yes', 'with --all or --older-than: do not ask', false);
  addFilters(command, cli.mode, 'with --all or --older-than: only these states, separated by commas, or all');
  command.addOption(outputOption()).action(async (text: string | undefined, options: Options, command: Command) => {
    const isMany = options.all || options.olderThan !== undefined;
    requireOneKind(text, isMany, command);
    if (text === undefined) {
      const query = { ...filtersOf(options), states: parseStates(options.status), sortBy: 'mac', limit: 1 } as const;
      await releaseAll(query, options, command, cli);
    } else await releaseNamed(parseTarget(text), options, command, cli);
  });
  addReason(command);
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} release a4:58:0f:01:00:00`,
    `${name} release my-vm`,
    `${name} release --force a4:58:0f:ff:00:00   # a reserved address`,
    `${name} release --older-than 30d --pool development --dry-run`,
    `${name} release --all --metadata rack=a7 --yes`,
  );
}

/** Refuses a command that names an address and selects others, or that does neither. */
function requireOneKind(text: string | undefined, isMany: boolean, command: Command): void {
  const filters = ['status', ...FILTERS].filter((name) => command.getOptionValueSource(name) === 'cli');
  if (text !== undefined && (isMany || filters.length > 0)) {
    throw new UserError(`Both ${text} and flags that select addresses are given.`, 'Leave out one of them.', 'usage');
  }
  if (text !== undefined || isMany) return;
  throw new UserError(
    'Nothing says what to release.',
    filters.length > 0
      ? 'Add --all to release all addresses that fit.'
      : 'Name an address or a device, or use --all or --older-than with filters.',
    'usage',
  );
}

async function releaseNamed(target: Target, options: Options, command: Command, cli: Cli): Promise<void> {
  const { force, reason } = options;
  const { released, left, kept } = await withBackend(command, cli, (backend) =>
    backend.release(target, { force, reason }),
  );
  const nothing = `No active allocations found for: ${target.text}`;
  const done = `${isDryRun(command) ? 'Would release' : 'Released'} ${String(released.length)} MAC address(es)`;
  const changed = [...released, ...left];
  if (changed.length > 0 || kept.length === 0) {
    const stay = left.map((address) => (isDryRun(command) ? wouldStay(address) : stays(address)));
    await printReport(cli.terminal, command, {
      lines: () => [...(released.length > 0 ? [done] : []), ...stay, ...(changed.length === 0 ? [nothing] : [])],
      kind: 'AddressList',
      value: { items: changed },
      names: () => changed.map(({ mac }) => mac),
    });
  }
  const [first, ...others] = kept;
  for (const { refusal } of others) cli.terminal.notify(`Error: ${refusalText(refusal)}`);
  if (first !== undefined) throw UserError.from(first.refusal);
}
