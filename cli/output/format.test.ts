import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import yaml from 'yaml';
import { createTerminal } from '../terminal.ts';
import { printReport, type Report } from './format.ts';
import { outputOption } from './output-flag.ts';

const report = {
  lines: (format: 'table' | 'wide') => [`as ${format}`],
  kind: 'AddressList',
  value: { items: [{ mac: 'a4:58:0f:01:00:00', at: new Date(0), missing: undefined }] },
  names: () => ['a4:58:0f:01:00:00'],
  csv: () => ({ heads: ['mac'], rows: [['a4:58:0f:01:00:00']] }),
};

const printed = (...args: string[]) => printedReport(report, ...args);
/** Prints a value in a list, which has no kind of its own. */
const printedValue = (value: unknown, ...args: string[]) => printedReport({ ...report, value: [value] }, ...args);

async function printedReport(report: Report, ...args: string[]): Promise<string> {
  let out = '';
  const write = (text: string | Uint8Array) => {
    out += String(text);
    return true;
  };
  const terminal = createTerminal({ write }, { write }, {});
  const command = new Command('show').exitOverride().addOption(outputOption({ csv: true, terraform: true }));
  command.action(() => printReport(terminal, command, report));
  await command.parseAsync(args, { from: 'user' });
  return out;
}

test.each([
  [[], 'as table\n'],
  [['-o', 'wide'], 'as wide\n'],
  [['--output', 'name'], 'a4:58:0f:01:00:00\n'],
  [
    ['-o', 'yaml'],
    'apiVersion: cli.mac.rock-os.io/v1alpha1\nkind: AddressList\nitems:\n  - mac: a4:58:0f:01:00:00\n    at: "1970-01-01T00:00:00.000Z"\n',
  ],
  [['-o', 'csv'], 'mac\na4:58:0f:01:00:00\n'],
  [['-o', 'jsonpath={.kind}: {.items[*].mac}'], 'AddressList: a4:58:0f:01:00:00'],
  [['-o=custom-columns=MAC:.mac,X:.x'], 'MAC                 X\na4:58:0f:01:00:00   <none>\n'],
])('%j prints the format', async (args, wanted) => {
  expect(await printed(...args)).toBe(wanted);
});

test('terraform output of one item is flat, and a list of several is refused', async () => {
  expect(JSON.parse(await printed('-o', 'terraform'))).toEqual({
    mac: 'a4:58:0f:01:00:00',
    at: '1970-01-01T00:00:00.000Z',
  });
  const several = { ...report, value: { items: [{}, {}] } };
  await expect(printedReport(several, '-o', 'terraform')).rejects.toThrow(
    '-o terraform prints one address, but there are 2.',
  );
});

test('json output can be parsed', async () => {
  expect(JSON.parse(await printed('-o', 'json'))).toEqual({
    apiVersion: 'cli.mac.rock-os.io/v1alpha1',
    kind: 'AddressList',
    items: [{ mac: 'a4:58:0f:01:00:00', at: '1970-01-01T00:00:00.000Z' }],
  });
});

test('an unknown format is refused with the list of formats', async () => {
  const formats =
    /Allowed choices are table, wide, json, yaml, name, csv, terraform, jsonpath=TEMPLATE, custom-columns=/;
  await expect(printed('-o', 'xml')).rejects.toThrow(formats);
  await expect(printed('-o', 'jsonpath=')).rejects.toThrow(formats);
});

test('a template is refused before the command runs, and one that does not fit the output after it', async () => {
  await expect(printed('-o', 'jsonpath={.items')).rejects.toThrow(/Its template cannot be used: .* is not closed\./);
  await expect(printed('-o', 'custom-columns=MAC')).rejects.toThrow(/Its columns cannot be used: "MAC" is no column/);
  await expect(printed('-o', 'jsonpath={.items[9]}')).rejects.toThrow(/does not fit the output: the list has 1 item/);
});

describe('yaml', () => {
  const TEXTS = [
    ...[
      '52:54:00:00:00:00',
      '52:54:00:00:00:01',
      '10:20',
      '190:20:30',
      '1_000',
      '0x1f',
      '0o17',
      '017',
      '1e3',
      '.5',
      '-1',
      '+1',
    ],
    ...[
      'yes',
      'No',
      'on',
      'OFF',
      'y',
      'N',
      'true',
      'Null',
      '~',
      '',
      ' ',
      '=',
      '<<',
      '.inf',
      '.NaN',
      '2026-01-31',
      '2026-01-31T10:00:00Z',
    ],
    ...[
      'a4:58:0f:01:00:00',
      'web-1',
      'a: b',
      'a #b',
      '- a',
      '# a',
      '&a',
      '*a',
      '!a',
      '%a',
      '@a',
      '`a',
      '"a"',
      "'a'",
      '{a}',
      '[a]',
      'a,b',
    ],
    ...['two\nlines', 'tab\there', 'vm-\u202etsop', 'null', '---', '...', '? a', '| a', '> a'],
  ];

  test.each(['1.1', '1.2'] as const)('is read alike by a reader of YAML %s', async (version) => {
    const value = { items: TEXTS.map((text) => ({ text, [text]: 'as a key' })), number: 10, yes: true, none: null };
    expect(yaml.parse(await printedValue(value, '-o', 'yaml'), { version })).toEqual([value]);
  });

  test('keeps names and most addresses readable', async () => {
    expect(
      await printedValue({ mac: 'a4:58:0f:01:00:00', device: 'web-1', other: '52:54:00:00:00:00' }, '-o', 'yaml'),
    ).toBe('- mac: a4:58:0f:01:00:00\n  device: web-1\n  other: "52:54:00:00:00:00"\n');
  });
});

test.each(['json', 'yaml'])(
  '%s escapes characters that turn the direction of a line, and means the same',
  async (format) => {
    const value = { name: 'vm-\u202etsop', ['\u2066key']: 1 };
    const text = await printedValue(value, '-o', format);
    expect(text).not.toMatch(/[\u202e\u2066]/);
    expect(yaml.parse(text)).toEqual([value]);
  },
);
