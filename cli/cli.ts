import type { Command, Option } from 'commander';
import type { Backend } from './backend.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given. */
export interface Cli {
  readonly mode: Mode;
  readonly terminal: Terminal;
}

/** One of the two ways to the addresses: a ledger, or a cluster's API. */
export interface Mode {
  readonly kind: 'ledger' | 'cluster';
  /** As people type it. */
  readonly program: 'rock-mac' | 'kubectl rock-mac';
  readonly description: string;
  /** Flags of every command. */
  globalOptions(): Option[];
  /** Opens the way with what was given to the command and to the program. `tell` says to a person what is going on. */
  open(options: GlobalOptions, tell: (line: string) => void): Promise<Backend>;
}

/** Flags of the program and of the command, as commander has parsed them; each mode reads its own. */
export type GlobalOptions = Readonly<Record<string, unknown>>;

/** Opens the backend for one command, and closes it in any case. */
export async function withBackend<T>(
  command: Command,
  { mode, terminal }: Cli,
  use: (backend: Backend) => Promise<T>,
): Promise<T> {
  const backend = await mode.open(command.optsWithGlobals(), terminal.tell);
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

export function isVerbose(command: Command): boolean {
  return command.optsWithGlobals<{ verbose?: boolean }>().verbose === true;
}
