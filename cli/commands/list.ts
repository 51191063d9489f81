import { Option, type Command } from 'commander';
import { SORT_KEYS, type Backend, type ListQuery, type SortKey } from '../backend.ts';
import { withBackend, type Cli } from '../cli.ts';
import { didYouMean } from '../did-you-mean.ts';
import { addressReport } from '../output/addresses.ts';
import { outputOption, printReport, type Format } from '../output/format.ts';
import { addExamples } from './examples.ts';
import { moment, rowCount, states } from './values.ts';

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

/** `list`: who holds what, newest first, as the predecessor printed it. */
export function addList(program: Command, cli: Cli): void {
  const command = program
    .command('list')
    .summary('show addresses, newest first')
    .description('Shows addresses with their holders, newest first.')
    .option('-p, --pool <name>', 'only of this pool')
    .option('-s, --status <states>', 'only in these states (commas between them), or all', 'active')
    .option('-l, --limit <count>', 'at most so many', rowCount, 100)
    .option('-d, --device <id>', 'only of this device')
    .option('--owner <object>', 'only of this object in a cluster: name, namespace/name or kind/namespace/name')
    .option('--owner-namespace <name>', 'only of objects in this namespace')
    .option('--since <moment>', 'only allocated since then: so long ago (2h, 7d), or a date', (text) => moment(text))
    .addOption(new Option('--sort-by <key>', 'in which order').choices([...SORT_KEYS]).default('newest'))
    .option('--after <token>', 'the next page: what the page before named')
    .option('-w, --watch', 'then print what changes as it comes, until Ctrl-C', false)
    .addOption(outputOption());
  command.action(async (options: Options, command: Command) => {
    const { pool, device, owner, ownerNamespace: namespace, since, sortBy, limit, after } = options;
    const query = { pool, states: states(options.status), device, owner, namespace, since, sortBy, limit, after };
    if (options.watch) {
      await watchList(query, options.output, command, cli);
      return;
    }
    const { page, hint } = await withBackend(command, cli, async (backend) => {
      const page = await backend.list(query);
      return { page, hint: page.items.length === 0 ? await poolHint(backend, pool) : undefined };
    });
    await printReport(cli.terminal, command, addressReport(page));
    if (hint !== undefined) cli.terminal.tell(hint);
    if (page.next !== undefined && cli.terminal.interactive) {
      cli.terminal.tell(`There are more: add --after ${page.next}, or raise --limit.`);
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

/** One line for each address, in the form that was asked for; the head comes first. */
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

/** Nothing was found, perhaps since there is no such pool: no error, as ever, but a person wants to know. */
async function poolHint(backend: Backend, pool: string | undefined): Promise<string | undefined> {
  if (pool === undefined) return undefined;
  const names = (await backend.pools()).map(({ name }) => name);
  if (names.includes(pool)) return undefined;
  return `There is no pool ${pool}.${didYouMean(pool, names)} The pools are ${names.join(', ')}.`;
}
