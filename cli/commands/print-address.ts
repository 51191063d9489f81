import type { Command } from 'commander';
import type { Address, CommandResult } from '../backend.ts';
import { type Cli, valueOf } from '../cli.ts';
import { printReport } from '../output/format.ts';

/**
 * Prints the address that a command got for its user, in the format of `-o`. Prints only a notice after a dry run.
 *
 * @throws UserError if the request was refused
 */
export async function printAddress(
  result: CommandResult<Address>,
  lines: (address: Address) => readonly string[],
  command: Command,
  { terminal }: Pick<Cli, 'terminal'>,
): Promise<void> {
  const address = valueOf(result, terminal);
  if (address === undefined) return;
  await printReport(terminal, command, {
    lines: () => lines(address),
    kind: 'Address',
    value: address,
    names: () => [address.mac],
  });
}
