import { stat } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { type BackedUp, backup } from '../../ledger/backup/backup.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { LONG_STATEMENT_MS, withLedger } from './open.ts';
import { sealOnTheSide } from './seal.ts';
import { defaultBackupFile, rowsProgress, writeBackup } from './write-backup.ts';

/** Writes a backup and returns the lines to print. A dry run reads everything and writes nothing. */
export async function backupLedger(
  options: GlobalOptions,
  { file = defaultBackupFile('ledger'), dryRun }: { readonly file?: string | undefined; readonly dryRun: boolean },
  terminal: Pick<Terminal, 'progress'>,
): Promise<string[]> {
  if ((await stat(file).catch(() => undefined)) !== undefined) {
    throw new UserError(`${file} already exists and was not overwritten.`, 'Name another file.', 'conflict');
  }
  return withLedger(
    options,
    async (ledger) => {
      if (dryRun) {
        const counts = countsText(await backup(ledger, discard(), rowsProgress(terminal, 'Read')));
        return [`Would write ${counts} to ${file}`];
      }
      await sealOnTheSide(ledger); // the backup then has seals over all its rows
      const done = await writeBackup(ledger, file, terminal);
      return [`Wrote ${countsText(done)} to ${file}`];
    },
    { statementTimeoutMs: LONG_STATEMENT_MS },
  );
}

function discard(): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
}

/** Returns the number of rows of each kind, for messages. */
export function countsText({ counts }: Pick<BackedUp, 'counts'>): string {
  const { addresses = 0, audit_log: audit = 0, pools = 0, clusters = 0 } = counts;
  const words = [`${String(addresses)} address(es)`, `${String(audit)} audit row(s)`, `${String(pools)} pool(s)`];
  return `${words.join(', ')} and ${String(clusters)} cluster(s)`;
}
