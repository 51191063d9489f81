import { CommanderError } from 'commander';
import type { Cli, Mode } from './cli.ts';
import { clusterMode } from './cluster-mode/mode.ts';
import { plainDryRun } from './commands/dry-run.ts';
import { Done, EXIT_CODES, explain } from './errors.ts';
import { ledgerMode } from './ledger-mode/mode.ts';
import { createProgram } from './program.ts';
import type { Terminal } from './terminal.ts';

/** The names under which this program may be started, and the mode of each. */
const MODES: Readonly<Record<string, Mode>> = {
  'rock-mac': ledgerMode,
  'kubectl-rock_mac': clusterMode,
  'kubectl_complete-rock_mac': clusterMode,
};

/** kubectl asks this one for what may follow; shells ask `rock-mac __complete`. Both give the words so far. */
const COMPLETER = 'kubectl_complete-rock_mac';
const COMPLETE = '__complete';

/** Runs one command line and answers with the exit code. */
export async function run(programName: string, args: readonly string[], terminal: Terminal): Promise<number> {
  const mode = MODES[programName] ?? ledgerMode;
  const cli: Cli = { mode, terminal };
  const program = createProgram(cli);
  if (programName === COMPLETER || args[0] === COMPLETE) {
    const { answerCompletion } = await import('./completion/answer.ts');
    await answerCompletion(program, programName === COMPLETER ? args : args.slice(1), cli);
    return EXIT_CODES.ok;
  }
  if (args.length === 0) {
    program.outputHelp();
    return EXIT_CODES.ok;
  }
  try {
    await program.parseAsync(plainDryRun(args), { from: 'user' });
    return EXIT_CODES.ok;
  } catch (error) {
    // Commander has printed its own by now. What it calls a success is --help and --version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    if (error instanceof Done) {
      terminal.tell(error.message);
      return EXIT_CODES.ok;
    }
    const { text, exitCode } = explain(error, program.opts<{ verbose?: boolean }>().verbose === true);
    terminal.tell(`Error: ${text}`);
    return exitCode;
  }
}
