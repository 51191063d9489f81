import type { Command } from 'commander';
import type { Mode } from '../cli/cli.ts';
import { EXIT_CODES, EXIT_MEANINGS, EXITS } from '../cli/errors.ts';
import { createProgram } from '../cli/program.ts';
import { createTerminal } from '../cli/terminal.ts';
import { table } from './markdown.ts';

/** Returns the help of a program and of each of its commands. */
export function programReference(mode: Mode): string {
  let written = '';
  const sink = {
    columns: 100,
    write: (text: string | Uint8Array) => {
      written += String(text);
      return true;
    },
  };
  const program = createProgram({ mode, terminal: createTerminal(sink, sink, {}) });
  const helpOf = (command: Command): string => {
    written = '';
    command.outputHelp();
    return `\`\`\`text\n${written.trimEnd()}\n\`\`\`\n`;
  };
  const name = mode.program;
  const sections = visibleCommands(program).map(
    ({ path, command }) => `#### \`${name} ${path}\`\n\n${helpOf(command)}`,
  );
  return [helpOf(program), ...sections].join('\n');
}

/** Returns the visible commands and subcommands, without `help`. */
function visibleCommands(parent: Command, above = ''): { readonly path: string; readonly command: Command }[] {
  const shown = parent.createHelp().visibleCommands(parent);
  return shown
    .filter((command) => command.name() !== 'help')
    .flatMap((command) => {
      const path = `${above}${command.name()}`;
      return [{ path, command }, ...visibleCommands(command, `${path} `)];
    });
}

/** Returns the exit codes with their meanings as a Markdown table. */
export function exitCodeTable(): string {
  return table(
    ['code', 'meaning'],
    EXITS.map((exit) => [String(EXIT_CODES[exit]), EXIT_MEANINGS[exit]]),
  );
}
