import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { AuditLine, AuditQuery, Backend } from '../backend.ts';
import { withBackend, type Cli } from '../cli.ts';
import { auditTable } from '../output/audit.ts';
import { outputOption, printReport, type Format } from '../output/format.ts';
import { parseTarget } from '../target.ts';
import { addExamples } from './examples.ts';
import { moment, rowCount } from './values.ts';

interface Options {
  readonly pool?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly since?: Date;
  readonly limit: number;
  readonly follow: boolean;
  readonly output: Format;
}

const POLL_AGAIN_MS = 1_000;

/** `audit`: what happened, and who did it. */
export function addAudit(program: Command, cli: Cli): void {
  const command = program
    .command('audit')
    .summary('show what happened to an address, a device, or to all')
    .description('Shows what happened, newest first: every change of an address, on whose behalf, and by whom.')
    .argument('[mac|device]')
    .option('-p, --pool <name>', 'only in this pool')
    .option('--since <moment>', 'only since then: so long ago (2h, 7d), or a date', (text) => moment(text))
    .option('--actor <name>', 'only what this user asked for or this program did')
    .option('--action <name>', 'only such changes: allocate, reserve, release, bind, adopt, import, orphan, …')
    .option('-l, --limit <count>', 'at most so many', rowCount, 100)
    .option('-f, --follow', 'print new ones as they come, oldest first, until Ctrl-C', false)
    .addOption(outputOption())
    .action(async (text: string | undefined, options: Options, command: Command) => {
      const { pool, actor, action, since, limit } = options;
      const query = { target: text === undefined ? undefined : parseTarget(text), pool, actor, action, since, limit };
      await withBackend(command, cli, async (backend) => {
        const lines = await backend.audit(query);
        if (options.follow) await follow(cli, options.output, backend, { query, already: lines });
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

/** What is there already, oldest first, then what comes. Ends with the process. */
async function follow(
  cli: Cli,
  format: Format,
  backend: Backend,
  { query, already }: { readonly query: AuditQuery; readonly already: readonly AuditLine[] },
): Promise<never> {
  let afterId = already[0]?.id ?? 0;
  for (const line of already.toReversed()) printLine(cli, format, line);
  for (;;) {
    await sleep(POLL_AGAIN_MS);
    for (const line of await backend.audit({ ...query, afterId })) {
      printLine(cli, format, line);
      afterId = line.id;
    }
  }
}

/** One change on a line, in the form that was asked for: json for programs, the columns of the table for people. */
function printLine({ terminal }: Cli, format: Format, line: AuditLine): void {
  if (format === 'json' || format === 'yaml') terminal.print(JSON.stringify(line));
  else if (format === 'name') terminal.print(String(line.id));
  else for (const row of auditTable([line], format === 'wide').slice(2)) terminal.print(row);
}
