import type { Command } from 'commander';
import type { Mode } from '../cli/cli.ts';
import { EXIT_CODES, EXIT_MEANINGS, EXITS } from '../cli/errors.ts';
import { createProgram } from '../cli/program.ts';
import { createTerminal } from '../cli/terminal.ts';
import { table } from './markdown.ts';

/** A program or one of its commands, with its help. */
export interface CommandHelp {
  /** The words after the name of the program. Empty for the program itself. */
  readonly path: string;
  readonly command: Command;
  readonly help: string;
  /** The lines below "Examples". */
  readonly examples: readonly string[];
}

/** Returns a program and its visible commands. */
export function commandsOf(mode: Mode): CommandHelp[] {
  let written = '';
  const sink = {
    columns: 100,
    write: (text: string | Uint8Array) => {
      written += String(text);
      return true;
    },
  };
  const program = createProgram({ mode, terminal: createTerminal(sink, sink, {}) });
  return [{ path: '', command: program }, ...visibleCommands(program)].map(({ path, command }) => {
    written = '';
    command.outputHelp();
    const help = written.trimEnd();
    const [, examples = ''] = help.split('\nExamples:\n');
    const lines = examples.split('\n').map((line) => line.trim());
    return { path, command, help, examples: lines.filter((line) => line !== '') };
  });
}

/** Returns the help of a program and of each of its commands. */
export function programReference(mode: Mode): string {
  const [program, ...commands] = commandsOf(mode).map(({ path, help }) => {
    const block = `\`\`\`text\n${help}\n\`\`\`\n`;
    return path === '' ? block : `#### \`${mode.program} ${path}\`\n\n${block}`;
  });
  return [program, ...commands].join('\n');
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
