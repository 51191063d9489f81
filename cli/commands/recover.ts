import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExamples, addReason } from './shared-flags.ts';

interface Options {
  readonly approve: boolean;
  readonly without?: string;
  readonly freeGap?: string;
  readonly trustClock: boolean;
  readonly reason?: string;
}

/** `recover`: reopens the ledger after a failover or a restore. */
export function addRecover(program: Command, { terminal }: Cli): void {
  const command = program
    .command('recover')
    .summary('reopen the ledger after a failover or a restore')
    .description(
      'Starts the recovery if the database has failed over or was restored, and prints what the ledger is waiting for. ' +
        'After a restore an administrator has to approve the recovery, and can continue without an unreachable cluster.',
    )
    .option('--approve', 'continue after a restore and accept the loss of changes made after the backup', false)
    .option('--without <cluster>', 'continue without this cluster (id or name)')
    .option(
      '--free-gap <pool>',
      'free the addresses of this pool that a failover set aside; check first that no device uses one',
    )
    .option('--trust-clock', 'let time pass again: the clock of the database was wrong and is right now', false)
    .action(async (options: Options, command: Command) => {
      const { recoverLedger } = await import('../ledger-mode/recover.ts');
      for (const line of await recoverLedger(command.optsWithGlobals(), options)) terminal.print(line);
    });
  addReason(command);
  addExamples(
    command,
    'rock-mac recover',
    'rock-mac recover --approve',
    'rock-mac recover --without staging',
    'rock-mac recover --trust-clock',
  );
}
