import { Option, type Command } from 'commander';
import type { Terminal } from '../terminal.ts';

const FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Format = (typeof FORMATS)[number];

/** Returns the flag `-o`, which every command with output has. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'output format').choices([...FORMATS]).default('table');
}

/** The output of a command in each format. */
export interface Report {
  /** The lines for people and for scripts of the predecessor. `wide` may add columns. */
  readonly lines: (format: 'table' | 'wide') => readonly string[];
  /** The value of json and yaml. Dates become ISO strings. */
  readonly value: unknown;
  /** The lines of `-o name`. */
  readonly names: () => readonly string[];
}

/** Prints a report in the format of the flag `-o`. */
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
      const { default: yaml } = await import('yaml'); // slow to load and rarely used
      const plain: unknown = JSON.parse(JSON.stringify(report.value));
      return [yaml.stringify(plain, { lineWidth: 0 }).trimEnd()];
    }
  }
}
