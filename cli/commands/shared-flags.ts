import type { Command } from 'commander';
import type { Mode } from '../cli.ts';
import { parseReason } from './parse-values.ts';

/** Adds `--dry-run` to a command that changes the ledger. In cluster mode it is a global flag. */
export function addDryRun(command: Command, { kind }: Mode): void {
  if (kind === 'ledger') command.option('--dry-run', 'show what would change without changing anything', false);
}

export function isDryRun(command: Command): boolean {
  return command.optsWithGlobals<{ dryRun?: boolean }>().dryRun === true;
}

/** The forms of the flag that kubectl accepts. Only the server can validate a change, so there is one kind of dry run. */
const DRY_RUN_FORMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['--dry-run=server', ['--dry-run']],
  ['--dry-run=client', ['--dry-run']],
  ['--dry-run=none', []],
]);

/** Replaces kubectl's forms of `--dry-run` by the plain flag. */
export function normalizeDryRun(args: readonly string[]): string[] {
  return args.flatMap((arg) => DRY_RUN_FORMS.get(arg) ?? [arg]);
}

/** Returns the flag for the number of rows. Its letter is free for labels in the plugin, as in kubectl. */
export function limitFlag({ kind }: Mode): string {
  return kind === 'ledger' ? '-l, --limit' : '--limit';
}

/** Adds `--reason` to a command whose changes the audit records. */
export function addReason(command: Command): void {
  command.option('--reason <text>', 'why, for the audit (`audit -o wide`)', parseReason);
}

/** Adds examples below the help of a command. */
export function addExamples(command: Command, ...lines: readonly string[]): void {
  command.addHelpText('after', ['', 'Examples:', ...lines.map((line) => `  ${line}`)].join('\n'));
}

/** Describes the argument of the commands that take an address, a device or an object. */
export const OBJECT_NAMES = 'address, device, or object of a cluster: namespace/name or kind/namespace/name';
