import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { cellText } from '../output/csv.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { formatPlain } from '../output/table.ts';
import { addExamples } from './shared-flags.ts';

/** `sql`: runs a read-only SQL query. */
export function addSql(program: Command, { terminal }: Cli): void {
  const command = program
    .command('sql')
    .summary('run a read-only SQL query')
    .description(
      'Runs one read-only query (SELECT, WITH, VALUES or TABLE), with the auditor role if it is granted. docs/ledger.md ' +
        'describes the tables and views. Those of the predecessor (active_allocations, pool_stats, audit_log) keep their ' +
        'names.',
    )
    .argument('<statement>')
    .addOption(outputOption({ csv: true }))
    .action(async (statement: string, _options: unknown, command: Command) => {
      const { querySql } = await import('../ledger-mode/sql.ts');
      const { columns, rows } = await querySql(command.optsWithGlobals(), statement);
      const cells = rows.map((row) => row.map(cellText));
      await printReport(terminal, command, {
        lines: () => [...formatPlain(columns, cells), `(${String(rows.length)} row(s))`],
        kind: 'Rows',
        value: rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]]))),
        csv: () => ({ heads: columns, rows }),
        names: () => cells.map(([first = '']) => first),
      });
    });
  addExamples(
    command,
    `rock-mac sql 'select * from pool_stats'`,
    `rock-mac sql "select * from audit_log where pool = 'docker' order by timestamp desc limit 5" -o json`,
  );
}
