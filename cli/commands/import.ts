import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExamples } from './examples.ts';

/** `import`: the file of the predecessor comes into the ledger. */
export function addImport(program: Command, { terminal }: Cli): void {
  const command = program
    .command('import')
    .summary('take over the SQLite file of the predecessor')
    .description(
      'Takes over the SQLite file of the predecessor, with its history: all of it or nothing, after a backup of the ' +
        'ledger. It may be run again: what is there already stays. The file is not changed.',
    )
    .argument('[file]', 'the file (default: ~/.rock/mac-dispenser.db, or what the old configuration file names)')
    .option('--dry-run', 'say what would be done, and do nothing', false)
    .action(async (file: string | undefined, { dryRun }: { readonly dryRun: boolean }, command: Command) => {
      const { importFile } = await import('../ledger-mode/import.ts');
      const lines = await importFile(command.optsWithGlobals(), { file, dryRun }, terminal);
      for (const line of lines) terminal.print(line);
    });
  addExamples(command, 'rock-mac import --dry-run', 'rock-mac import ~/.rock/mac-dispenser.db');
}
