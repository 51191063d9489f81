import { Option, type Command } from 'commander';
import type { Terminal } from '../terminal.ts';

const FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Format = (typeof FORMATS)[number];

/** `-o`, the same for every command that shows something. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print it').choices([...FORMATS]).default('table');
}

/** What a command has to say, in each form that somebody may ask for. */
export interface Report {
  /** For people, and for scripts of the predecessor. `wide` may add columns. */
  readonly lines: (format: 'table' | 'wide') => readonly string[];
  /** What json and yaml hold; dates become ISO texts. */
  readonly value: unknown;
  /** What `-o name` prints, one on a line. */
  readonly names: () => readonly string[];
}

/** Prints a report in the form that the command was asked for. */
export async function printReport(terminal: Terminal, command: Command, report: Report): Promise<void> {
  const { output } = command.opts<{ output: Format }>();
  for (const line of await linesOf(output, report)) terminal.print(line);
}

async function linesOf(format: Format, report: Report): Promise<readonly string[]> {
  switch (format) {
    case 'table':
    case 'wide':
      return report.lines(format);
    case 'name':
      return report.names();
    case 'json':
      return [JSON.stringify(report.value, null, 2)];
    case 'yaml': {
      const { stringify } = await import('../yaml.ts'); // slow to load, and asked for rarely
      const plain: unknown = JSON.parse(JSON.stringify(report.value));
      return [stringify(plain, { lineWidth: 0 }).trimEnd()];
    }
  }
}
