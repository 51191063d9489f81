import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { AUDIT_ACTIONS } from '../../ledger/audit.ts';
import { auditOfTarget } from '../audit-of-target.ts';
import type { AuditLine, AuditPage, AuditQuery, Backend } from '../backend.ts';
import { type Cli, withBackend } from '../cli.ts';
import { auditCsv, auditTable } from '../output/audit.ts';
import { printItem, printReport } from '../output/format.ts';
import { type Output, outputOption } from '../output/output-flag.ts';
import { requireAction, requirePools } from '../require-known.ts';
import { parseTarget } from '../target.ts';
import { parseMoment, parseRowCount } from './parse-values.ts';
import { addExamples, limitFlag, OBJECT_NAMES } from './shared-flags.ts';

interface Options {
  readonly pool?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly since?: Date;
  readonly limit: number;
  readonly follow: boolean;
  readonly output: Output;
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
    .argument('[mac|device]', OBJECT_NAMES)
    .option('-p, --pool <name>', 'only changes in this pool')
    .option('--since <moment>', 'only changes since an age (2h, 7d) or a date', (text) => parseMoment(text))
    .option('--actor <name>', 'only changes requested by this user or made by this program')
    .option('--action <name>', `only this kind of change: ${AUDIT_ACTIONS.join(', ')}`)
    .option(`${limitFlag(cli.mode)} <count>`, 'maximum number of rows', parseRowCount, 100)
    .option('-f, --follow', 'keep printing new changes, oldest first, until Ctrl-C', false)
    .addOption(outputOption({ csv: true }))
    .action(async (text: string | undefined, options: Options, command: Command) => {
      const { pool, actor, action, since, limit } = options;
      const query = { target: text === undefined ? undefined : parseTarget(text), pool, actor, action, since, limit };
      await withBackend(command, cli, async (backend) => {
        const existing = await auditOfTarget(backend, query);
        const { lines, isCut } = existing;
        if (lines.length === 0) {
          // Removed pools and imported history stay in the audit, so their names are not refused.
          requireAction(action);
          await requirePools(backend, pool === undefined ? [] : [pool]);
        }
        if (options.follow) await follow(cli, options.output, backend, { query, existing });
        await printReport(cli.terminal, command, {
          lines: (format) => auditTable(lines, format === 'wide'),
          kind: 'AuditEntryList',
          value: { items: lines },
          csv: () => auditCsv(lines),
          names: () => lines.map(({ id }) => String(id)),
        });
        if (isCut) cli.terminal.notify(`Only the newest ${String(limit)} changes are shown: raise --limit.`);
      });
    });
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} audit a4:58:0f:01:00:00`,
    `${name} audit --since 1h --action allocate`,
    `${name} audit --actor ada --limit 20 -o wide`,
    `${name} audit --follow -o json | jq -r .mac`,
  );
}

/** Prints the existing entries, oldest first, then every new one. Runs until the process ends. */
async function follow(
  cli: Cli,
  output: Output,
  backend: Backend,
  { query, existing }: { readonly query: AuditQuery; readonly existing: AuditPage },
): Promise<never> {
  let afterId = existing.reached ?? existing.lines[0]?.id ?? 0;
  const existingIds = new Set(existing.lines.map(({ id }) => id));
  let isFirst = true;
  const print = (line: AuditLine) => {
    printLine(cli, output, line, isFirst);
    isFirst = false;
  };
  for (const line of existing.lines.toReversed()) print(line);
  for (;;) {
    await sleep(POLL_MS);
    const { lines, reached } = await auditOfTarget(backend, { ...query, afterId });
    for (const line of lines) if (!existingIds.has(line.id)) print(line);
    afterId = reached ?? afterId;
  }
}

/** Prints one change on one line, without the header of the table. */
function printLine({ terminal }: Cli, output: Output, line: AuditLine, isFirst: boolean): void {
  if (printItem(terminal, output, { value: line, csv: () => auditCsv([line]) }, isFirst)) return;
  if (output.format === 'name') terminal.print(String(line.id));
  else for (const row of auditTable([line], output.format === 'wide').slice(2)) terminal.print(row);
}
