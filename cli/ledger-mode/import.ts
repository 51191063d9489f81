import path from 'node:path';
import { importSqlite, type ImportReport } from '../../ledger/import/import-sqlite.ts';
import type { GlobalOptions } from '../cli.ts';
import type { Terminal } from '../terminal.ts';
import { expandHome } from './config-file.ts';
import { currentUser } from './current-user.ts';
import { configuredLedger } from './find-ledger.ts';
import { LONG_STATEMENT_MS, withLedger } from './open.ts';
import { saveBackup } from './write-backup.ts';

const DEFAULT_FILE = '~/.rock/mac-dispenser.db';

/** Imports a file of the predecessor and returns the lines to print. A dry run only reads. */
export async function importFile(
  options: GlobalOptions,
  { file: given, dryRun }: { readonly file?: string | undefined; readonly dryRun: boolean },
  terminal: Pick<Terminal, 'notify' | 'progress'>,
): Promise<string[]> {
  const { config } = await configuredLedger(options, process.env);
  const file = path.resolve(expandHome(given ?? config?.legacy?.databasePath ?? DEFAULT_FILE));
  return withLedger(
    options,
    async (ledger) => {
      const actor = currentUser();
      // A dry run first, because a file that is refused needs no backup.
      const plan = await importSqlite(ledger, file, { dryRun: true, actor });
      if (dryRun) return reportLines(plan);
      if (plan.problems.length === 0) await saveBackup(ledger, 'import', terminal);
      terminal.progress(`Importing ${file} …`);
      return reportLines(await importSqlite(ledger, file, { dryRun: false, actor }));
    },
    { statementTimeoutMs: LONG_STATEMENT_MS },
  );
}

export function reportLines(report: ImportReport): string[] {
  const { dryRun, imported, alreadyThere, auditRows, poolsDefined, leftOut, notes, problems } = report;
  const { active, reserved, released, orphaned } = imported;
  const total = active + reserved + released + orphaned;
  const states = `${String(active)} active, ${String(reserved)} reserved, ${String(released)} released, ${String(orphaned)} orphaned`;
  return [
    `${dryRun ? 'Would import' : 'Imported'} ${String(total)} address(es): ${states}`,
    `Audit rows: ${String(auditRows)}`,
    ...(alreadyThere === 0 ? [] : [`Already in the ledger: ${String(alreadyThere)}`]),
    ...(poolsDefined.length === 0 ? [] : [`Pools defined: ${poolsDefined.join(', ')}`]),
    ...leftOut.map((line) => `Skipped: ${line}`),
    ...notes.map((line) => `Note: ${line}`),
    ...problems.map((line) => `Problem: ${line}`),
  ];
}
