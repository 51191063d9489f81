import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExamples } from './examples.ts';

/** `migrate`: the schema of the ledger comes up to this version. */
export function addMigrate(program: Command, { terminal }: Cli): void {
  const command = program
    .command('migrate')
    .summary('bring the schema of the ledger up to this version')
    .description(
      'Brings the schema of the ledger up to the version of this program, after a backup under ~/.rock/backups where ' +
        'there is an older one. Does nothing where it is up to date.',
    )
    .option('--no-backup', 'without a backup: where backups are taken in another way')
    .action(async ({ backup }: { readonly backup: boolean }, command: Command) => {
      const { migrateLedger } = await import('../ledger-mode/migrate.ts');
      const { applied, version } = await migrateLedger(command.optsWithGlobals(), { backup }, terminal);
      for (const name of applied) terminal.print(`Applied ${name}`);
      terminal.print(`The ledger is at version ${String(version)}`);
    });
  addExamples(command, 'rock-mac migrate', 'rock-mac migrate --ledger postgresql://owner@db.example.org/rock_mac');
}
