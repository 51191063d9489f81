import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExamples } from './examples.ts';

interface Options {
  readonly approve: boolean;
  readonly without?: string;
}

/** `recover`: the ledger opens again after a failover or a restore. */
export function addRecover(program: Command, { terminal }: Cli): void {
  const command = program
    .command('recover')
    .summary('open the ledger again after a failover or a restore')
    .description(
      'Starts the recovery where the database is not the one that it was, and says what the ledger waits for. After a ' +
        'restore a person has to approve that it goes on, and may go on without a cluster that stays silent.',
    )
    .option('--approve', 'go on after a restore: what came after the backup is known by now, or taken as lost', false)
    .option('--without <cluster>', 'go on although this cluster (id or name) is silent')
    .action(async (options: Options, command: Command) => {
      const { recoverLedger } = await import('../ledger-mode/recover.ts');
      for (const line of await recoverLedger(command.optsWithGlobals(), options)) terminal.print(line);
    });
  addExamples(command, 'rock-mac recover', 'rock-mac recover --approve', 'rock-mac recover --without staging');
}
