import path from 'node:path';
import { formatDuration } from '../../api/duration.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { importRefused, type ImportReport, importSqlite } from '../../ledger/import/import-sqlite.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import type { GlobalOptions } from '../cli.ts';
import type { Terminal } from '../terminal.ts';
import { expandHome } from './config-file.ts';
import { currentUser } from './current-user.ts';
import { configuredLedger } from './find-ledger.ts';
import { recordDecision } from './import-decisions.ts';
import { LONG_STATEMENT_MS, withLedger } from './open.ts';
import { predecessorPath } from './predecessor-file.ts';
import { rowsProgress, saveBackup } from './write-backup.ts';

interface ImportOptions {
  /** Default: the file of this machine. */
  readonly file?: string | undefined;
  readonly dryRun: boolean;
  /** Why, for the audit. */
  readonly reason?: string | undefined;
}

/**
 * Imports a file of the predecessor, and passes the lines to print to `print`. A dry run only reads, and fails where the
 * import would fail.
 */
export async function importFile(
  options: GlobalOptions,
  { file: given, dryRun, reason }: ImportOptions,
  terminal: Pick<Terminal, 'print' | 'notify' | 'progress'>,
): Promise<void> {
  const { config } = await configuredLedger(options, process.env);
  const file = given === undefined ? predecessorPath(config) : path.resolve(expandHome(given));
  await withLedger(
    options,
    async (ledger) => {
      if (!dryRun) {
        for (const line of await importInto(ledger, file, reason, terminal)) terminal.print(line);
        return;
      }
      const report = await importSqlite(ledger, file, { dryRun, actor: currentUser() });
      for (const line of reportLines(report)) terminal.print(line);
      if (report.problems.length > 0) throw importRefused(report.problems);
    },
    { statementTimeoutMs: LONG_STATEMENT_MS },
  );
}

/** Imports a file after a backup, and records that it was imported. Returns the lines to print. */
export async function importInto(
  ledger: LedgerClient,
  file: string,
  reason: string | undefined,
  terminal: Pick<Terminal, 'notify' | 'progress'>,
): Promise<string[]> {
  terminal.progress(`Reading ${file} …`);
  const report = await importSqlite(ledger, file, {
    dryRun: false,
    actor: currentUser(),
    reason,
    // After the plan, because a file that is refused needs no backup.
    beforeChange: () => saveBackup(ledger, 'import', terminal),
    onRows: rowsProgress(terminal, 'Imported'),
  });
  const { ledgerId } = await ledgerState(ledger);
  await recordDecision({ file, ledgerId, decision: 'imported' });
  return reportLines(report);
}

export function reportLines(report: ImportReport): string[] {
  const { dryRun, imported, expiring, alreadyThere, auditRows, poolsDefined, leftOut, notes, problems } = report;
  const { active, reserved, released, orphaned } = imported;
  const total = active + reserved + released + orphaned;
  const states = `${String(active)} active, ${String(reserved)} reserved, ${String(released)} released, ${String(orphaned)} orphaned`;
  return [
    `${dryRun ? 'Would import' : 'Imported'} ${String(total)} address(es): ${states}`,
    // The predecessor had no `renew`, so its users do not know yet that a device has to call it.
    ...expiring.map(
      ({ pool, addresses, seconds }) =>
        `  ${pool}: ${String(addresses)} active, released after ${formatDuration(seconds)} unless they are renewed`,
    ),
    `Audit rows: ${String(auditRows)}`,
    ...(alreadyThere === 0 ? [] : [`Already in the ledger: ${String(alreadyThere)}`]),
    ...(poolsDefined.length === 0 ? [] : [`Pools defined: ${poolsDefined.join(', ')}`]),
    ...leftOut.map((line) => `Skipped: ${line}`),
    ...notes.map((line) => `Note: ${line}`),
    ...problems.map((line) => `Problem: ${line}`),
  ];
}
