import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExamples } from './shared-flags.ts';

/** `import`: imports the SQLite file of the predecessor. */
export function addImport(program: Command, { terminal }: Cli): void {
  const command = program
    .command('import')
    .summary('import the SQLite file of the predecessor')
    .description(
      'Imports the SQLite file of the predecessor with its history, after a backup of the ledger. It imports everything ' +
        'or nothing. A second run skips what is already in the ledger. The file is not changed. A dry run fails if the ' +
        'import would.',
    )
    .argument(
      '[file]',
      'file to import (default: the one that the old configuration file names, else ~/.rock/mac-dispenser.db)',
    )
    .option('--dry-run', 'show what would be imported without importing it', false)
    .action(async (file: string | undefined, { dryRun }: { readonly dryRun: boolean }, command: Command) => {
      const { importFile } = await import('../ledger-mode/import.ts');
      await importFile(command.optsWithGlobals(), { file, dryRun }, terminal);
    });
  addExamples(command, 'rock-mac import --dry-run', 'rock-mac import ~/.rock/mac-dispenser.db');
}
