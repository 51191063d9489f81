import { type Command, Option } from 'commander';
import { type ListQuery, SORT_KEYS, type SortKey } from '../backend.ts';
import { type Cli, withBackend } from '../cli.ts';
import { UserError } from '../errors.ts';
import { addressReport } from '../output/address-list.ts';
import { printItem, printReport } from '../output/format.ts';
import { type Output, outputOption } from '../output/output-flag.ts';
import { requirePools } from '../require-known.ts';
import { addFilters, type FilterOptions, FILTERS, filtersOf } from './address-filters.ts';
import { parseRowCount, parseStates } from './parse-values.ts';
import { addExamples, limitFlag } from './shared-flags.ts';

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly sortBy: SortKey;
}

interface Options extends ListOptions {
  readonly after?: string;
  readonly watch: boolean;
  readonly search?: string;
  readonly output: Output;
}

/** `list`: lists addresses with their holders, newest first, in the table of the predecessor. */
export function addList(program: Command, cli: Cli): void {
  const command = program
    .command('list')
    .summary('list addresses, newest first')
    .description('Lists addresses with their holders, newest first.');
  addListFlags(command, cli);
  command
    .addOption(
      new Option(
        '--search <text>',
        'only addresses with this part of a MAC, or beginning of a name or value',
      ).conflicts(NOT_WITH_SEARCH),
    )
    .option('--after <token>', 'next page, from the token of the previous page')
    .option('-w, --watch', 'keep printing changes until Ctrl-C', false)
    .addOption(outputOption({ csv: true }));
  command.action(async (options: Options, command: Command) => {
    const isObserved = options.status === OBSERVED;
    if (isObserved) refuseWithObserved(options);
    const query = { ...queryOf(options), after: options.after };
    const { pools = [], limit } = query;
    if (options.watch) {
      await watchList(query, options.output, command, cli);
      return;
    }
    if (options.search !== undefined) {
      await listFound(options.search, limit, command, cli);
      return;
    }
    const page = await withBackend(command, cli, async (backend) => {
      await requirePools(backend, pools);
      return isObserved ? await backend.listObserved(query) : await backend.list(query);
    });
    await printReport(cli.terminal, command, addressReport(page, shownWith(command)));
    if (page.next !== undefined) {
      cli.terminal.notify(`Only the first ${String(limit)} are shown: raise --limit, or add --after ${page.next}.`);
    }
  });
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} list`,
    `${name} list -p development,docker -s active,reserved --limit 20`,
    `${name} list --status all --since 2h -o wide`,
    `${name} list --search 05:1f`,
    `${name} list --metadata rack=a7`,
    ...(cli.mode.kind === 'cluster' ? [`${name} list -A -l app=web -o csv`] : []),
    `${name} list -o jsonpath='{range .items[*]}{.mac} {.pool}{"\\n"}{end}'`,
    `${name} list -o custom-columns=MAC:.mac,DEVICE:.device.id`,
    `${name} list --watch -p docker`,
    `${name} list --status observed -o wide`,
  );
}

function queryOf({ status, sortBy, limit, ...filters }: ListOptions): ListQuery {
  const states = status === OBSERVED ? undefined : parseStates(status);
  return { ...filtersOf({ status, ...filters }), states, sortBy, limit };
}

const STATUS_TEXTS = {
  list: 'only these states, separated by commas, or all; or observed: addresses in use that were not given out, of any prefix',
  watch: 'only these states, separated by commas, or all',
} as const;

/** Adds the flags that select and sort addresses. */
function addListFlags(command: Command, cli: Cli): void {
  addFilters(command, cli.mode, STATUS_TEXTS[command.name() === 'watch' ? 'watch' : 'list']);
  command
    .option(`${limitFlag(cli.mode)} <count>`, 'maximum number of rows', parseRowCount, 100)
    .addOption(new Option('--sort-by <key>', 'sort order').choices([...SORT_KEYS]).default('newest'));
}

/** `watch`: `list --watch` under a name of its own. */
export function addWatch(program: Command, cli: Cli): void {
  const command = program
    .command('watch')
    .summary('list addresses, then print every change')
    .description('Lists addresses, then prints every change until Ctrl-C. The same as `list --watch`.');
  addListFlags(command, cli);
  command
    .addOption(outputOption({ csv: true }))
    .action(async (options: ListOptions & Pick<Options, 'output'>, command: Command) => {
      await watchList({ ...queryOf(options), states: parseStates(options.status) }, options.output, command, cli);
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} watch -p docker`, `${name} watch -s all -o json`);
}

/** A search has its own order, and finds held addresses of all pools. */
const NOT_WITH_SEARCH = [...FILTERS, ...(['status', 'sortBy', 'after', 'watch'] as const)];

/** More results of a search are read by nobody. */
const MAX_FOUND = 1_000;

/** Prints the addresses in which a text is found. One more than the limit shows that there are others. */
async function listFound(text: string, limit: number, command: Command, cli: Cli): Promise<void> {
  const most = Math.min(limit, MAX_FOUND - 1);
  const found = await withBackend(command, cli, (backend) => backend.search(text, most + 1));
  const items = found.slice(0, most);
  await printReport(cli.terminal, command, addressReport({ items }, shownWith(command)));
  if (found.length > most) {
    cli.terminal.notify(`Only the first ${String(most)} are shown: give more of the text, or raise --limit.`);
  }
}

/** The status of addresses that are in use and were given to nobody. They have a list of their own. */
const OBSERVED = 'observed';

/** What the list of observed addresses cannot be asked, with the flag of each. */
const NOT_WITH_OBSERVED = {
  watch: '--watch',
  device: '--device',
  deviceType: '--device-type',
  metadata: '--metadata',
  olderThan: '--older-than',
  selector: '--selector',
} as const satisfies { readonly [K in keyof Options]?: string };

function refuseWithObserved(options: Options): void {
  for (const [name, flag] of Object.entries(NOT_WITH_OBSERVED)) {
    const value = new Map<string, unknown>(Object.entries(options)).get(name);
    if (value === undefined || value === false) continue;
    throw new UserError(`Observed addresses cannot be listed with ${flag}.`, `Leave out ${flag}.`);
  }
}

/** Prints the table header once, then one line per reported address, in the format of `-o`. */
async function watchList(query: ListQuery, output: Output, command: Command, cli: Cli): Promise<void> {
  const { terminal } = cli;
  let head = true;
  await withBackend(command, cli, async (backend) => {
    await requirePools(backend, query.pools ?? []);
    await backend.watch(query, {
      onAddress: (address) => {
        const report = addressReport({ items: [address] }, shownWith(command));
        const { format } = output;
        if (format === 'name') terminal.print(address.mac);
        else if (!printItem(terminal, output, { ...report, value: address }, head)) {
          for (const line of report.lines(format === 'wide' ? format : 'table').slice(head ? 0 : 2, 3))
            terminal.print(line);
        }
        head = false;
      },
      onCut: () => {
        terminal.notify(`Only the first ${String(query.limit)} are shown, and every change: raise --limit.`);
      },
    });
  });
}

/** The plugin adds the namespace for `--all-namespaces`, as kubectl does. */
function shownWith(command: Command): { readonly namespaces: boolean } {
  return { namespaces: command.optsWithGlobals<{ allNamespaces?: boolean }>().allNamespaces === true };
}
