import type { Command } from 'commander';
import { UserError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { type Csv, csvLines } from './csv.ts';
import { flatTexts } from './flat-texts.ts';
import { escapeJson } from './invisible.ts';
import { customTable } from './json-path/custom-columns.ts';
import { renderTemplate } from './json-path/evaluate.ts';
import { JsonPathError } from './json-path/template.ts';
import type { Output } from './output-flag.ts';

/** The output of a command in each format. */
export interface Report {
  /** The lines for people and for scripts of the predecessor. `wide` may add columns. */
  readonly lines: (format: 'table' | 'wide') => readonly string[];
  /** The `kind` of the value. A list has its items in `items`. */
  readonly kind: string;
  /** The value of json, yaml, jsonpath and custom-columns. Dates become ISO strings. */
  readonly value: object;
  /** The lines of `-o name`. */
  readonly names: () => readonly string[];
  /** The content of `-o csv`, for commands that have it. */
  readonly csv?: () => Csv;
}

/** Raised when a field changes its meaning. Fields are only added. */
const API_VERSION = 'cli.mac.rock-os.io/v1alpha1';

/** Returns a value on one line, for output that continues: YAML is a superset of JSON. */
export function jsonLine(value: unknown): string {
  return escapeJson(JSON.stringify(value));
}

/** Prints a report in the format of the flag `-o`. */
export async function printReport(terminal: Terminal, command: Command, report: Report): Promise<void> {
  const { output } = command.opts<{ output: Output }>();
  // As with kubectl, a template says itself where a line ends.
  if (output.format === 'jsonpath') terminal.write(rendered(() => renderTemplate(output.template, valueOf(report))));
  else for (const line of await linesOf(output, report)) terminal.print(line);
}

async function linesOf(
  output: Exclude<Output, { readonly format: 'jsonpath' }>,
  report: Report,
): Promise<readonly string[]> {
  switch (output.format) {
    case 'table':
    case 'wide':
      return report.lines(output.format);
    case 'name':
      return report.names();
    case 'csv':
      return report.csv === undefined ? [] : csvLines(report.csv());
    case 'custom-columns':
      return rendered(() => customTable(output.columns, itemsOf(valueOf(report))));
    case 'json':
      return [escapeJson(JSON.stringify(valueOf(report), null, 2))];
    case 'terraform':
      return [escapeJson(JSON.stringify(flatTexts(onlyItemOf(report))))];
    case 'yaml': {
      const { toYaml } = await import('./yaml.ts'); // slow to load and rarely used
      return [toYaml(valueOf(report))];
    }
  }
}

/**
 * Prints one item of output that continues, in the formats that need no columns of the command. `isFirst`: the item needs
 * a header. Returns whether it was printed.
 */
export function printItem(
  terminal: Terminal,
  output: Output,
  { value, csv }: Pick<Report, 'value' | 'csv'>,
  isFirst: boolean,
): boolean {
  const withHeader = (lines: readonly string[]) => {
    for (const line of lines.slice(isFirst ? 0 : 1)) terminal.print(line);
  };
  switch (output.format) {
    case 'json':
    case 'yaml':
      terminal.print(jsonLine(value));
      return true;
    case 'jsonpath':
      terminal.write(rendered(() => renderTemplate(output.template, asJson(value))));
      return true;
    case 'custom-columns':
      withHeader(rendered(() => customTable(output.columns, [asJson(value)])));
      return true;
    case 'csv':
      withHeader(csv === undefined ? [] : csvLines(csv()));
      return true;
    default:
      return false;
  }
}

/** Returns the value with its kind, as an object of Kubernetes has it. The rows of a query have none. */
function valueOf({ kind, value }: Report): unknown {
  return asJson(Array.isArray(value) ? value : { apiVersion: API_VERSION, kind, ...value });
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/**
 * Returns the value, or the only item of a list.
 *
 * @throws UserError if a list has no item, or more than one
 */
function onlyItemOf(report: Report): object {
  const items = itemsOf(asJson(report.value));
  const [item] = items;
  if (items.length === 1 && typeof item === 'object' && item !== null) return item;
  throw new UserError(
    `-o terraform prints one address, but there are ${String(items.length)}.`,
    'Name an address instead of a device; -o json prints several.',
  );
}

/** Returns the items of a list, or the value itself. */
function itemsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  const items = typeof value === 'object' && value !== null && 'items' in value ? value.items : undefined;
  return Array.isArray(items) ? items : [value];
}

/** Reports a template that does not fit the value as an error of the user. */
function rendered<T>(render: () => T): T {
  try {
    return render();
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    throw new UserError(
      `The template of -o does not fit the output: ${error.message}.`,
      '-o json shows the fields; [*] and a filter [?(…)] accept a list of any length.',
    );
  }
}
