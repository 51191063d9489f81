import path from 'node:path';
import { type BackedUp, backupToFile, type OnRows } from '../../ledger/backup/backup.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { progressLine } from '../output/progress.ts';
import type { Terminal } from '../terminal.ts';
import { userHome } from './user-home.ts';

/** Returns `~/.rock/backups/NAME-20260131-090507.backup`, with the time in UTC. */
export function defaultBackupFile(name: string, now = new Date(), home = userHome()): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return path.join(home, '.rock', 'backups', `${name}-${stamp}.backup`);
}

export function writeBackup(
  ledger: LedgerClient,
  file: string,
  terminal: Pick<Terminal, 'progress'>,
): Promise<BackedUp> {
  return backupToFile(ledger, file, rowsProgress(terminal, 'Written'));
}

/** Writes a backup before a large change, and prints where it is. */
export async function saveBackup(
  ledger: LedgerClient,
  before: string,
  terminal: Pick<Terminal, 'notify' | 'progress'>,
): Promise<void> {
  const file = defaultBackupFile(`before-${before}`);
  await writeBackup(ledger, file, terminal);
  terminal.notify(`A backup from before the ${before} is in ${file}.`);
}

/** Returns a callback that shows the number of rows done, the rate and the time left. */
export function rowsProgress(
  terminal: Pick<Terminal, 'progress'>,
  verb: string,
  now = () => performance.now(),
): OnRows {
  const started = now();
  return (done, total) => {
    terminal.progress(progressLine(verb, done, total, now() - started));
  };
}
