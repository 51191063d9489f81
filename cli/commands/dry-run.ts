import type { Command } from 'commander';
import type { Mode } from '../cli.ts';

/** `--dry-run` of what changes the ledger. Through a cluster every command has it, wherever it stands on the line. */
export function addDryRun(command: Command, { kind }: Mode): void {
  if (kind === 'ledger') command.option('--dry-run', 'say what would be done, and do nothing', false);
}

/** As kubectl has it. Nothing can be tried without the server, so there is one kind only. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  '--dry-run=server': ['--dry-run'],
  '--dry-run=client': ['--dry-run'],
  '--dry-run=none': [],
};

/** What was typed, with kubectl's kinds of a dry run as the one that there is. */
export function plainDryRun(args: readonly string[]): string[] {
  return args.flatMap((arg) => KINDS[arg] ?? [arg]);
}

export function isDryRun(command: Command): boolean {
  return command.optsWithGlobals<{ dryRun?: boolean }>().dryRun === true;
}
