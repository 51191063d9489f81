import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { parseFileName } from './parse-values.ts';
import { addExamples } from './shared-flags.ts';

/** `restore`: restores a backup into an empty ledger. */
export function addRestore(program: Command, { terminal }: Cli): void {
  const command = program
    .command('restore')
    .summary('restore a backup into an empty ledger')
    .description(
      'Restores a backup into a ledger without allocations, completely or not at all. The backup misses the addresses ' +
        'that were allocated later, so the ledger then waits for `rock-mac recover --approve`.',
    )
    .argument('<file>', 'file that `rock-mac backup` wrote', parseFileName)
    .option('--dry-run', 'read and validate the backup without restoring it', false)
    .action(async (file: string, { dryRun }: { readonly dryRun: boolean }, command: Command) => {
      const { restoreLedger } = await import('../ledger-mode/restore.ts');
      const lines = await restoreLedger(command.optsWithGlobals(), { file, dryRun }, terminal);
      for (const line of lines) terminal.print(line);
    });
  addExamples(command, 'rock-mac restore ledger.backup --dry-run', 'rock-mac restore ledger.backup');
}
