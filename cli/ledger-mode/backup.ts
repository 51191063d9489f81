import { stat } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { backup, type BackedUp } from '../../ledger/backup/backup.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { LONG_STATEMENT_MS, withLedger } from './open.ts';
import { rowsProgress, usualFile, writeBackup } from './save-backup.ts';

/** Writes a backup and answers with the lines that say so. A dry run reads everything and writes nothing. */
export async function backupLedger(
  options: GlobalOptions,
  { file = usualFile('ledger'), dryRun }: { readonly file?: string | undefined; readonly dryRun: boolean },
  terminal: Pick<Terminal, 'progress'>,
): Promise<string[]> {
  if ((await stat(file).catch(() => undefined)) !== undefined) {
    throw new UserError(`${file} is there already, and stays as it is.`, 'Name another file.', 'conflict');
  }
  return withLedger(
    options,
    async (ledger) => {
      if (dryRun) {
        const counts = countsText(await backup(ledger, nowhere(), rowsProgress(terminal, 'Read')));
        return [`Would write ${counts} to ${file}`];
      }
      const done = await writeBackup(ledger, file, terminal);
      return [`Wrote ${countsText(done)} to ${file}`];
    },
    { statementTimeoutMs: LONG_STATEMENT_MS },
  );
}

function nowhere(): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
}

export function countsText({ counts }: Pick<BackedUp, 'counts'>): string {
  const { addresses = 0, audit_log: audit = 0, pools = 0, clusters = 0 } = counts;
  const words = [`${String(addresses)} address(es)`, `${String(audit)} audit row(s)`, `${String(pools)} pool(s)`];
  return `${words.join(', ')} and ${String(clusters)} cluster(s)`;
}
