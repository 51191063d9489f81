import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { COMPLETION_SCRIPTS, type Shell, SHELLS } from '../completion/scripts.ts';
import { addExamples } from './shared-flags.ts';

/** `completion`: prints a script that lets a shell complete commands, pools, addresses and devices. */
export function addCompletion(program: Command, { mode, terminal }: Cli): void {
  const command = program
    .command('completion')
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
  );
}
