import type { Command } from 'commander';
import { UserError } from '../errors.ts';

/**
 * Adds hidden commands to the plugin that only explain that `rock-mac` has them: they need access to the ledger. `parents` are
 * the commands before them, each with a space.
 */
export function addLedgerOnly(program: Command, names: readonly string[], parents = ''): void {
  for (const name of names) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new UserError(
          `\`${parents}${name}\` works on the ledger itself, not through a cluster.`,
          `Run \`rock-mac ${parents}${name} --ledger URL\` on a machine that can reach the ledger.`,
        );
      });
  }
}
