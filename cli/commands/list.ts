import { Option, type Command } from 'commander';
import { SORT_KEYS, type Backend, type ListQuery, type SortKey } from '../backend.ts';
import { withBackend, type Cli } from '../cli.ts';
import { didYouMean } from '../did-you-mean.ts';
import { addressReport } from '../output/address-list.ts';
import { outputOption, printReport, type Format } from '../output/format.ts';
import { parseMoment, parseRowCount, parseStates } from './parse-values.ts';
import { addExamples } from './shared-flags.ts';

interface Options {
  readonly pool?: string;
  readonly status: string;
  readonly limit: number;
  readonly device?: string;
  readonly owner?: string;
  readonly ownerNamespace?: string;
  readonly since?: Date;
  readonly sortBy: SortKey;
  readonly after?: string;
  readonly watch: boolean;
  readonly output: Format;
}

/** `list`: lists addresses with their holders, newest first, in the table of the predecessor. */
export function addList(program: Command, cli: Cli): void {
  const command = program
    .command('list')
    .summary('list addresses, newest first')
    .description('Lists addresses with their holders, newest first.')
    .option('-p, --pool <name>', 'only addresses of this pool')
    .option('-s, --status <states>', 'only these states, separated by commas, or all', 'active')
    .option('-l, --limit <count>', 'maximum number of rows', parseRowCount, 100)
    .option('-d, --device <id>', 'only addresses of this device')
    .option('--owner <object>', 'only addresses of this object: name, namespace/name or kind/namespace/name')
    .option('--owner-namespace <name>', 'only addresses of objects in this namespace')
    .option('--since <moment>', 'only addresses allocated since an age (2h, 7d) or a date', (text) => parseMoment(text))
    .addOption(new Option('--sort-by <key>', 'sort order').choices([...SORT_KEYS]).default('newest'))
    .option('--after <token>', 'next page, from the token of the previous page')
    .option('-w, --watch', 'keep printing changes until Ctrl-C', false)
    .addOption(outputOption());
  command.action(async (options: Options, command: Command) => {
    const { pool, device, owner, ownerNamespace: namespace, since, sortBy, limit, after } = options;
    const query = { pool, states: parseStates(options.status), device, owner, namespace, since, sortBy, limit, after };
    if (options.watch) {
      await watchList(query, options.output, command, cli);
      return;
    }
    const { page, hint } = await withBackend(command, cli, async (backend) => {
      const page = await backend.list(query);
      return { page, hint: page.items.length === 0 ? await poolHint(backend, pool) : undefined };
    });
    await printReport(cli.terminal, command, addressReport(page));
    if (hint !== undefined) cli.terminal.notify(hint);
    if (page.next !== undefined && cli.terminal.interactive) {
      cli.terminal.notify(`More addresses follow: add --after ${page.next}, or raise --limit.`);
    }
  });
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} list`,
    `${name} list -p development -s active,reserved -l 20`,
    `${name} list --status all --since 2h -o wide`,
    `${name} list -o json | jq -r '.items[].mac'`,
    `${name} list --watch -p docker`,
  );
}

/** Prints the table header once, then one line per reported address, in the format of `-o`. */
async function watchList(query: ListQuery, format: Format, command: Command, cli: Cli): Promise<void> {
  const { terminal } = cli;
  let head = true;
  await withBackend(command, cli, async (backend) => {
    await backend.watch(query, (address) => {
      const report = addressReport({ items: [address] });
      if (format === 'json' || format === 'yaml') terminal.print(JSON.stringify(address));
      else if (format === 'name') terminal.print(address.mac);
      else for (const line of report.lines(format).slice(head ? 0 : 2, 3)) terminal.print(line);
      head = false;
    });
  });
}

/** Returns a hint if an empty list is due to an unknown pool. As with the predecessor, that is not an error. */
async function poolHint(backend: Backend, pool: string | undefined): Promise<string | undefined> {
  if (pool === undefined) return undefined;
  const names = (await backend.pools()).map(({ name }) => name);
  if (names.includes(pool)) return undefined;
  return `There is no pool ${pool}.${didYouMean(pool, names)} The pools are ${names.join(', ')}.`;
}
