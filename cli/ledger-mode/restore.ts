import { access } from 'node:fs/promises';
import { requireUnused, restoreFromFile } from '../../ledger/backup/restore.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { formatMinutes } from '../output/time.ts';
import type { Terminal } from '../terminal.ts';
import { countsText } from './backup.ts';
import { currentUser } from './current-user.ts';
import { LONG_STATEMENT_MS, withLedger } from './open.ts';
import { rowsProgress, saveBackup } from './save-backup.ts';
import { rolledBack } from './roll-back-allocation.ts';

/** Restores a backup and answers with the lines that say so. A dry run does all of it and takes it back. */
export async function restoreLedger(
  options: GlobalOptions,
  { file, dryRun }: { readonly file: string; readonly dryRun: boolean },
  terminal: Pick<Terminal, 'tell' | 'progress'>,
): Promise<string[]> {
  await access(file).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(`${file} cannot be read (${why}).`, 'Name a file that `rock-mac backup` wrote.');
  });
  return withLedger(
    options,
    async (ledger) => {
      // Before the backup: a ledger that is in use stays as it is, and may be large.
      await requireUnused(ledger);
      // What is there is little (its pools, its settings), and then it is gone.
      if (!dryRun) await saveBackup(ledger, 'restore', terminal);
      const restored = await restoreFromFile(dryRun ? rolledBack(ledger) : ledger, file, {
        actor: currentUser(),
        onRows: rowsProgress(terminal, 'Read'),
      });
      const what = `${countsText(restored)} of ${formatMinutes(restored.takenAt)}`;
      if (dryRun) return [`Would restore ${what}`];
      const { closed } = restored.state;
      return [`Restored ${what}`, ...(closed === undefined ? [] : [closed.message])];
    },
    { statementTimeoutMs: LONG_STATEMENT_MS },
  );
}
