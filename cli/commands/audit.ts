import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { AuditLine, AuditQuery, Backend } from '../backend.ts';
import { withBackend, type Cli } from '../cli.ts';
import { auditTable } from '../output/audit.ts';
import { outputOption, printReport, type Format } from '../output/format.ts';
import { parseTarget } from '../target.ts';
import { parseMoment, parseRowCount } from './parse-values.ts';
import { addExamples } from './shared-flags.ts';

interface Options {
  readonly pool?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly since?: Date;
  readonly limit: number;
  readonly follow: boolean;
  readonly output: Format;
}

const POLL_MS = 1_000;

/** `audit`: shows changes of addresses, and who made them. */
export function addAudit(program: Command, cli: Cli): void {
  const command = program
    .command('audit')
    .summary('show the changes of an address, of a device, or of all addresses')
    .description(
      'Shows every change of an address, newest first, with the user who requested it and the program that made it.',
    )
    .argument('[mac|device]')
    .option('-p, --pool <name>', 'only changes in this pool')
    .option('--since <moment>', 'only changes since an age (2h, 7d) or a date', (text) => parseMoment(text))
    .option('--actor <name>', 'only changes requested by this user or made by this program')
    .option('--action <name>', 'only this kind of change: allocate, reserve, release, bind, adopt, import, orphan, …')
    .option('-l, --limit <count>', 'maximum number of rows', parseRowCount, 100)
    .option('-f, --follow', 'keep printing new changes, oldest first, until Ctrl-C', false)
    .addOption(outputOption())
    .action(async (text: string | undefined, options: Options, command: Command) => {
      const { pool, actor, action, since, limit } = options;
      const query = { target: text === undefined ? undefined : parseTarget(text), pool, actor, action, since, limit };
      await withBackend(command, cli, async (backend) => {
        const lines = await backend.audit(query);
        if (options.follow) await follow(cli, options.output, backend, { query, existing: lines });
        await printReport(cli.terminal, command, {
          lines: (format) => auditTable(lines, format === 'wide'),
          value: { items: lines },
          names: () => lines.map(({ id }) => String(id)),
        });
      });
    });
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} audit a4:58:0f:01:00:00`,
    `${name} audit --since 1h --action allocate`,
    `${name} audit --actor ada -l 20 -o wide`,
    `${name} audit --follow -o json | jq -r .mac`,
  );
}

/** Prints the existing entries, oldest first, then every new one. Runs until the process ends. */
async function follow(
  cli: Cli,
  format: Format,
  backend: Backend,
  { query, existing }: { readonly query: AuditQuery; readonly existing: readonly AuditLine[] },
): Promise<never> {
  let afterId = existing[0]?.id ?? 0;
  for (const line of existing.toReversed()) printLine(cli, format, line);
  for (;;) {
    await sleep(POLL_MS);
    for (const line of await backend.audit({ ...query, afterId })) {
      printLine(cli, format, line);
      afterId = line.id;
    }
  }
}

/** Prints one change on one line: JSON for the formats json and yaml, else the columns of the table. */
function printLine({ terminal }: Cli, format: Format, line: AuditLine): void {
  if (format === 'json' || format === 'yaml') terminal.print(JSON.stringify(line));
  else if (format === 'name') terminal.print(String(line.id));
  else for (const row of auditTable([line], format === 'wide').slice(2)) terminal.print(row);
}
