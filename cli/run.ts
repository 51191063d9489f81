import { type Command, CommanderError } from 'commander';
import type { Cli, Mode } from './cli.ts';
import { clusterMode } from './cluster-mode/mode.ts';
import { normalizeDryRun } from './commands/shared-flags.ts';
import { EXIT_CODES, explainError } from './errors.ts';
import { ledgerMode } from './ledger-mode/mode.ts';
import { createProgram, seeHelpOf } from './program.ts';
import type { Terminal } from './terminal.ts';

/** The names under which the program is installed, with the mode of each. */
const MODES: Readonly<Record<string, Mode>> = {
  'rock-mac': ledgerMode,
  'kubectl-rock_mac': clusterMode,
  'kubectl_complete-rock_mac': clusterMode,
};

/** kubectl runs this program for completions, with the words typed so far. */
const COMPLETION_PROGRAM = 'kubectl_complete-rock_mac';

/** The shell scripts run `rock-mac __complete` for completions, with the words typed so far. */
const COMPLETION_COMMAND = '__complete';

/**
 * Reads `help pool add` like `pool add --help`: the command `help` knows only the first level. An unknown command stays, for its own
 * error.
 */
function helpAsFlag(args: readonly string[], program: Command): readonly string[] {
  const [first, ...path] = args;
  const [name] = path;
  if (first !== 'help' || name === undefined) return args;
  const isKnown = program.commands.some((each) => each.name() === name || each.aliases().includes(name));
  return isKnown ? [...path, '--help'] : path;
}

/** Runs one command line and returns the exit code. */
export async function run(programName: string, args: readonly string[], terminal: Terminal): Promise<number> {
  const mode = MODES[programName] ?? ledgerMode;
  const cli: Cli = { mode, terminal };
  const program = createProgram(cli);
  if (programName === COMPLETION_PROGRAM || args[0] === COMPLETION_COMMAND) {
    const { printCompletions } = await import('./completion/print-completions.ts');
    await printCompletions(program, programName === COMPLETION_PROGRAM ? args : args.slice(1), cli);
    return EXIT_CODES.ok;
  }
  if (args.length === 0) {
    program.outputHelp();
    return EXIT_CODES.ok;
  }
  let command = program;
  program.hook('preAction', (_, started) => {
    command = started;
  });
  try {
    await program.parseAsync(normalizeDryRun(helpAsFlag(args, program)), { from: 'user' });
    return EXIT_CODES.ok;
  } catch (error) {
    // Commander has already printed its message. It reports --help and --version as errors with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    const { text, exitCode } = explainError(error, program.opts<{ verbose?: boolean }>().verbose === true);
    terminal.notify(`Error: ${text}${exitCode === EXIT_CODES.usage ? ` ${seeHelpOf(command)}` : ''}`);
    return exitCode;
  }
}
