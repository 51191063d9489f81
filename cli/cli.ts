import type { Command, Option } from 'commander';
import type { Backend, CommandResult } from './backend.ts';
import type { ConsoleSource } from './console/source.ts';
import type { Finding } from './doctor/finding.ts';
import { UserError } from './errors.ts';
import type { Collected, CollectOptions } from './report/collect.ts';
import type { ServerVersions } from './server-versions.ts';
import type { Terminal } from './terminal.ts';

/** What every command needs: the mode of the program and the terminal. */
export interface Cli {
  readonly mode: Mode;
  readonly terminal: Terminal;
}

/** How the program reaches the addresses: directly in a ledger, or through the API of a cluster. */
export interface Mode {
  readonly kind: 'ledger' | 'cluster';
  /** The command as users type it. */
  readonly program: 'rock-mac' | 'kubectl rock-mac';
  readonly description: string;
  /** Returns the flags that every command accepts. */
  globalOptions(): Option[];
  /** Opens the backend that the flags name. `notify` prints a line for the user to stderr. */
  open(options: GlobalOptions, notify: (line: string) => void): Promise<Backend>;
  /** Examines everything that must work. Failures are findings. */
  diagnose(options: GlobalOptions, notify: (line: string) => void): Promise<readonly Finding[]>;
  /** Reads the versions of what the program talks to, within seconds. What does not answer is a note. */
  versions(options: GlobalOptions): Promise<ServerVersions>;
  /** Collects what a report says. What cannot be read is an error in its file. */
  collectReport(options: GlobalOptions, what: CollectOptions, notify: (line: string) => void): Promise<Collected>;
  /** Opens what the console shows and changes. */
  openConsole(options: GlobalOptions, notify: (line: string) => void): Promise<ConsoleSource>;
}

/** The flags of the program and of the command, as commander parsed them. Each mode validates its own. */
export type GlobalOptions = Readonly<Record<string, unknown>>;

/** Opens the backend for one command, and closes it even if the command fails. */
export async function withBackend<T>(
  command: Command,
  { mode, terminal }: Cli,
  use: (backend: Backend) => Promise<T>,
): Promise<T> {
  const backend = await mode.open(command.optsWithGlobals(), terminal.notify);
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

/**
 * Returns the value of a result. After a dry run it prints what would have happened and returns `undefined`.
 *
 * @throws UserError if the request was refused
 */
export function valueOf<T>(result: CommandResult<T>, terminal: Terminal): T | undefined {
  switch (result.kind) {
    case 'done':
      return result.value;
    case 'dry-run':
      terminal.notify(result.message);
      return undefined;
    case 'refused':
      throw UserError.from(result.refusal);
  }
}

export function isVerbose(command: Command): boolean {
  return command.optsWithGlobals<{ verbose?: boolean }>().verbose === true;
}
