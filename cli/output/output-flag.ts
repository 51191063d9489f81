import { InvalidArgumentError, Option } from 'commander';
import { type CustomColumn, parseCustomColumns } from './json-path/custom-columns.ts';
import { parseTemplate } from './json-path/parse.ts';
import { JsonPathError, type Template } from './json-path/template.ts';

const FORMATS = ['table', 'wide', 'json', 'yaml', 'name', 'csv', 'terraform'] as const;

/** The formats that need a value, as completion offers them. */
const WITH_VALUE = ['jsonpath=', 'custom-columns='] as const;

/** The format that a user chose. */
export type Output =
  | { readonly format: (typeof FORMATS)[number] }
  | { readonly format: 'jsonpath'; readonly template: Template }
  | { readonly format: 'custom-columns'; readonly columns: readonly CustomColumn[] };

/** Returns the flag `-o`, which every command with output has. Only lists can be printed as CSV, only one address for Terraform. */
export function outputOption({ csv = false, terraform = false } = {}): Option {
  const formats = FORMATS.filter((format) => (csv || format !== 'csv') && (terraform || format !== 'terraform'));
  return (
    new Option('-o, --output <format>', 'output format; templates and columns as in kubectl')
      // For the help and for completion.
      .choices([...formats, ...WITH_VALUE])
      // As in kubectl, an equals sign may follow the letter.
      .argParser((text) => parseOutput(text.replace(/^=/, ''), formats))
      .default({ format: 'table' } satisfies Output, '"table"')
  );
}

function parseOutput(text: string, formats: readonly (typeof FORMATS)[number][]): Output {
  const format = formats.find((each) => each === text);
  if (format !== undefined) return { format };
  const [, name = '', value = ''] = /^(jsonpath|custom-columns)=(.+)$/su.exec(text) ?? [];
  try {
    if (name === 'jsonpath') return { format: name, template: parseTemplate(value) };
    if (name === 'custom-columns') return { format: name, columns: parseCustomColumns(value) };
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    throw new InvalidArgumentError(
      `Its ${name === 'jsonpath' ? 'template' : 'columns'} cannot be used: ${error.message}.`,
    );
  }
  const allowed = [...formats, 'jsonpath=TEMPLATE', 'custom-columns=HEAD:PATH,…'];
  throw new InvalidArgumentError(`Allowed choices are ${allowed.join(', ')}.`);
}
