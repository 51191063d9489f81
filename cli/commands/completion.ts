import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { COMPLETION_SCRIPTS, SHELLS, type Shell } from '../completion/scripts.ts';
import { addExamples } from './examples.ts';

/** `completion`: what a shell reads to complete commands, pools, addresses and devices. */
export function addCompletion(program: Command, { mode, terminal }: Cli): void {
  const command = program
    .command('completion')
    .summary('print what a shell needs to complete commands')
    .description(
      mode.kind === 'ledger'
        ? 'Prints a script for your shell. With it the key for completion knows commands, flags, pools, addresses and devices.'
        : 'kubectl completes its plugins by itself where kubectl_complete-rock_mac is on the PATH. This is for rock-mac.',
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
