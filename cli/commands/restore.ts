import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExamples } from './examples.ts';

/** `restore`: a backup comes back into an empty ledger. */
export function addRestore(program: Command, { terminal }: Cli): void {
  const command = program
    .command('restore')
    .summary('bring a backup back into an empty ledger')
    .description(
      'Brings a backup back into a ledger that has handed out nothing yet: all of it or nothing. What was handed out ' +
        'after the backup is not in it, so the ledger then waits for `rock-mac recover --approve`.',
    )
    .argument('<file>', 'what `rock-mac backup` wrote')
    .option('--dry-run', 'read and check everything, and change nothing', false)
    .action(async (file: string, { dryRun }: { readonly dryRun: boolean }, command: Command) => {
      const { restoreLedger } = await import('../ledger-mode/restore.ts');
      const lines = await restoreLedger(command.optsWithGlobals(), { file, dryRun }, terminal);
      for (const line of lines) terminal.print(line);
    });
  addExamples(command, 'rock-mac restore ledger.backup --dry-run', 'rock-mac restore ledger.backup');
}
