import { homedir } from 'node:os';
import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { COMPLETION_SCRIPTS, type Shell, SHELLS } from '../completion/scripts.ts';
import { UserError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from './shared-flags.ts';

/** `completion`: prints a script that lets a shell complete commands, pools, addresses and devices. */
export function addCompletion(program: Command, { mode, terminal }: Cli): void {
  const command = program
    .command('completion')
    .helpCommand(false)
    .summary('print the completion script of a shell')
    .description(
      mode.kind === 'ledger'
        ? 'Prints a completion script for your shell. It completes commands, flags, pools, addresses and devices.'
        : 'Prints the completion script of rock-mac. kubectl completes this plugin itself if kubectl_complete-rock_mac is on the PATH.',
    )
    .addArgument(new Argument('<shell>').choices([...SHELLS]))
    .action((shell: Shell) => {
      terminal.print(COMPLETION_SCRIPTS[shell].trimEnd());
    });
  addExamples(
    command,
    'source <(rock-mac completion bash)',
    'rock-mac completion zsh > "${fpath[1]}/_rock-mac"',
    'rock-mac completion fish > ~/.config/fish/completions/rock-mac.fish',
    'rock-mac completion install',
  );
  // kubectl finds the completion of the plugin by itself.
  if (mode.kind === 'ledger') addInstall(command, terminal);
}

/** `completion install`: writes the script to where the shell of the user loads it from. */
function addInstall(parent: Command, terminal: Terminal): void {
  const command = parent
    .command('install')
    .summary('write the script to where your shell loads it from')
    .description('Writes the completion script to where your shell loads it from, in your home directory.')
    .addArgument(new Argument('[shell]', 'default: the shell of $SHELL').choices([...SHELLS]))
    .action(async (named: Shell | undefined) => {
      const { installCompletion, shellNamed } = await import('../completion/install.ts');
      const { SHELL, XDG_DATA_HOME: data, XDG_CONFIG_HOME: config } = process.env;
      const shell = named ?? shellNamed(SHELL);
      if (shell === undefined) {
        throw new UserError(`The shell ${SHELL ?? '(none)'} is not known.`, `Name one: ${SHELLS.join(', ')}.`, 'usage');
      }
      const { file, next } = await installCompletion(shell, { home: homedir(), data, config });
      terminal.print(`Installed: ${file}`);
      terminal.notify(next);
    });
  addExamples(command, 'rock-mac completion install', 'rock-mac completion install zsh');
}
