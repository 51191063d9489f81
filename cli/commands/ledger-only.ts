import type { Command } from 'commander';
import { UserError } from '../errors.ts';

/** Commands of `rock-mac` that the plugin knows but cannot do: what they need no user of a cluster has. */
export function addLedgerOnly(program: Command, names: readonly string[]): void {
  for (const name of names) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new UserError(
          `\`${name}\` works on the ledger itself, not through a cluster.`,
          `Run \`rock-mac ${name} --ledger URL\` where the ledger can be reached.`,
        );
      });
  }
}
