import type { Argument, Command, Help, Option } from 'commander';
import { EXIT_CODES, EXIT_MEANINGS, EXITS } from '../cli/errors.ts';
import type { CommandHelp } from './cli-reference.ts';

/** A page of the manual: section 1, for commands. */
export interface ManPage {
  /** The file, such as `rock-mac-pool-add.1`. */
  readonly name: string;
  readonly text: string;
}

interface Program {
  /** The name of the program, and what the names of its pages begin with. */
  readonly name: string;
  readonly version: string;
  /** The program itself first, then each of its commands. */
  readonly commands: readonly CommandHelp[];
}

/** Returns a page for a program and for each of its commands, from the definitions that its help is made of. */
export function manPages({ name, version, commands }: Program): ManPage[] {
  const pageOf = (path: string) => [name, ...path.split(' ').filter((word) => word !== '')].join('-');
  return commands.map(({ path, command, examples }) => {
    const help = command.createHelp();
    const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
    const shown = children.map((child) => pageOf(`${path} ${child.name()}`));
    const parents = path === '' ? [] : [pageOf(path.split(' ').slice(0, -1).join(' '))];
    const page = pageOf(path);
    const sections = [
      `.TH ${quoted(page.toUpperCase())} 1 "" ${quoted(`rock-mac ${version}`)} "User Commands"`,
      ...section('NAME', [`${plain(page)} \\- ${plain(summaryOf(command))}`]),
      ...section('SYNOPSIS', [`.B ${plain(help.commandUsage(command))}`]),
      ...section('DESCRIPTION', [text(command.description())]),
      ...section(
        'COMMANDS',
        children.flatMap((child) => entry(help.subcommandTerm(child), summaryOf(child))),
      ),
      ...section('ARGUMENTS', command.registeredArguments.flatMap(argumentEntry)),
      ...section(
        'OPTIONS',
        help.visibleOptions(command).flatMap((option) => optionEntry(option, help)),
      ),
      ...section(
        'GLOBAL OPTIONS',
        help.visibleGlobalOptions(command).flatMap((option) => optionEntry(option, help)),
      ),
      ...section('EXAMPLES', examples.length === 0 ? [] : ['.nf', ...examples.map(plain), '.fi']),
      ...section(
        'EXIT STATUS',
        EXITS.flatMap((exit) => entry(String(EXIT_CODES[exit]), EXIT_MEANINGS[exit])),
      ),
      ...section('SEE ALSO', seeAlso([...parents, ...shown])),
    ];
    return { name: `${page}.1`, text: `${sections.join('\n')}\n` };
  });
}

function summaryOf(command: Command): string {
  return command.summary() || command.description().replace(/\. .*$/s, '');
}

function section(head: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${head.includes(' ') ? quoted(head) : head}`, ...lines];
}

function entry(term: string, description: string): string[] {
  return ['.TP', `.B ${plain(term)}`, text(description)];
}

function argumentEntry(argument: Argument): string[] {
  const choices = argument.argChoices === undefined ? '' : ` (choices: ${argument.argChoices.join(', ')})`;
  return entry(argument.name(), `${argument.description}${choices}`.trim() || argument.name());
}

function optionEntry(option: Option, help: Help): string[] {
  return entry(help.optionTerm(option), help.optionDescription(option));
}

function seeAlso(pages: readonly string[]): string[] {
  return pages.map((page, index) => `.BR ${plain(page)} (1)${index === pages.length - 1 ? '' : ' ,'}`);
}

/** Returns a paragraph with one sentence on each line, as readers of diffs of roff like it. */
function text(paragraph: string): string {
  return paragraph
    .split('\n')
    .flatMap((line) => line.split(/(?<=[.:!?]) (?=[A-Z])/))
    .map(plain)
    .join('\n');
}

/**
 * Escapes a line of text for roff: a backslash begins an escape, a period or an apostrophe at the beginning of a line a request. A
 * hyphen is printed as the ASCII character that a shell understands (man-pages(7), groff_char(7)).
 */
function plain(line: string): string {
  const escaped = line
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll(
      /[^\x20-\x7e]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    );
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Returns an argument of a request that may have spaces. */
function quoted(argument: string): string {
  return `"${plain(argument).replaceAll('"', String.raw`\(dq`)}"`;
}
