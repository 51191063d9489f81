import type { Command } from 'commander';
import type { Mode } from '../cli.ts';

/** `--dry-run` of what changes the ledger. Through a cluster every command has it, wherever it stands on the line. */
export function addDryRun(command: Command, { kind }: Mode): void {
  if (kind === 'ledger') command.option('--dry-run', 'say what would be done, and do nothing', false);
}

export function isDryRun(command: Command): boolean {
  return command.optsWithGlobals<{ dryRun?: boolean }>().dryRun === true;
}
