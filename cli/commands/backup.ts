import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExamples } from './examples.ts';

/** `backup`: the whole ledger, as it is at one moment, in a file. */
export function addBackup(program: Command, { terminal }: Cli): void {
  const command = program
    .command('backup')
    .summary('write the whole ledger into a file')
    .description(
      'Writes the whole ledger, as it is at one moment, into a file that only you may read. The ledger goes on working. ' +
        'The file appears when it is whole; one that is there already stays as it is.',
    )
    .argument('[file]', 'the file (default: ~/.rock/backups/ledger-DATE-TIME.backup)')
    .option('--dry-run', 'say what would be written, and write nothing', false)
    .action(async (file: string | undefined, { dryRun }: { readonly dryRun: boolean }, command: Command) => {
      const { backupLedger } = await import('../ledger-mode/backup.ts');
      for (const line of await backupLedger(command.optsWithGlobals(), { file, dryRun }, terminal))
        terminal.print(line);
    });
  addExamples(command, 'rock-mac backup', 'rock-mac backup /mnt/backups/ledger.backup');
}
