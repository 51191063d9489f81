import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExamples } from './shared-flags.ts';

/** `migrate`: upgrades the schema of the ledger. */
export function addMigrate(program: Command, { terminal }: Cli): void {
  const command = program
    .command('migrate')
    .summary('upgrade the schema of the ledger to this version')
    .description(
      'Upgrades the schema of the ledger to the version of this program, after a backup under ~/.rock/backups if the ' +
        'ledger has an older schema. Does nothing if the schema is up to date. Uses ROCK_MAC_MIGRATION_URL, if it is set: the ' +
        'login of the owner, where programs have a login of their own. Adds the prefixes of ROCK_MAC_PREFIXES that the ledger lacks; ' +
        'a new ledger gets only those.',
    )
    .option('--no-backup', 'skip the backup, for databases that are backed up otherwise')
    .action(async ({ backup }: { readonly backup: boolean }, command: Command) => {
      const isNamed = command.getOptionValueSourceWithGlobals('ledger') === 'cli';
      const { migrateLedger } = await import('../ledger-mode/migrate.ts');
      const { applied, version } = await migrateLedger(command.optsWithGlobals(), { backup, isNamed }, terminal);
      for (const name of applied) terminal.print(`Applied ${name}`);
      terminal.print(`The ledger is at version ${String(version)}`);
    });
  addExamples(command, 'rock-mac migrate', 'rock-mac migrate --ledger postgresql://owner@db.example.org/rock_mac');
}
