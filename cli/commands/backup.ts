import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { parseFileName } from './parse-values.ts';
import { addExamples } from './shared-flags.ts';

/** `backup`: writes a snapshot of the whole ledger into a file. */
export function addBackup(program: Command, { terminal }: Cli): void {
  const command = program
    .command('backup')
    .summary('write the whole ledger into a file')
    .description(
      'Writes a consistent snapshot of the whole ledger into a file that only you can read. The ledger stays in use. The ' +
        'file appears once it is complete; an existing file is never overwritten.',
    )
    .argument('[file]', 'file to write (default: ~/.rock/backups/ledger-DATE-TIME.backup)', parseFileName)
    .option('--dry-run', 'show what would be written without writing it', false)
    .action(async (file: string | undefined, { dryRun }: { readonly dryRun: boolean }, command: Command) => {
      const { backupLedger } = await import('../ledger-mode/backup.ts');
      for (const line of await backupLedger(command.optsWithGlobals(), { file, dryRun }, terminal))
        terminal.print(line);
    });
  addExamples(command, 'rock-mac backup', 'rock-mac backup /mnt/backups/ledger.backup');
}
