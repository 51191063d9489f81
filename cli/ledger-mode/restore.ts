import { access } from 'node:fs/promises';
import { systemReason } from '../../api/system-reason.ts';
import { requireUnused, restoreFromFile } from '../../ledger/backup/restore.ts';
import { rollingBack } from '../../ledger/connection/rolling-back.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { formatMinutes } from '../output/time.ts';
import type { Terminal } from '../terminal.ts';
import { countsText } from './backup.ts';
import { currentUser } from './current-user.ts';
import { LONG_STATEMENT_MS, withLedger } from './open.ts';
import { rowsProgress, saveBackup } from './write-backup.ts';

/** Restores a backup and returns the lines to print. A dry run restores it and rolls back. */
export async function restoreLedger(
  options: GlobalOptions,
  { file, dryRun }: { readonly file: string; readonly dryRun: boolean },
  terminal: Pick<Terminal, 'notify' | 'progress'>,
): Promise<string[]> {
  await access(file).catch((error: unknown) => {
    throw new UserError(
      `${file} cannot be read (${systemReason(error)}).`,
      'Name a file that `rock-mac backup` wrote.',
    );
  });
  return withLedger(
    options,
    async (ledger) => {
      // Checked before the backup below, because a ledger in use may be large.
      await requireUnused(ledger);
      // The restore replaces the pools and settings, which are small.
      if (!dryRun) await saveBackup(ledger, 'restore', terminal);
      const restored = await restoreFromFile(dryRun ? rollingBack(ledger) : ledger, file, {
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
