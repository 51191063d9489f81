import { Command } from 'commander';
import { expect, test } from 'vitest';
import { createTerminal } from '../terminal.ts';
import { outputOption, printReport } from './format.ts';

const report = {
  lines: (format: 'table' | 'wide') => [`as ${format}`],
  value: { items: [{ mac: 'a4:58:0f:01:00:00', at: new Date(0), missing: undefined }] },
  names: () => ['a4:58:0f:01:00:00'],
};

async function printed(...args: string[]): Promise<string> {
  let out = '';
  const write = (text: string | Uint8Array) => {
    out += String(text);
    return true;
  };
  const terminal = createTerminal({ write }, { write }, {});
  const command = new Command('show').exitOverride().addOption(outputOption());
  command.action(() => printReport(terminal, command, report));
  await command.parseAsync(args, { from: 'user' });
  return out;
}

test.each([
  [[], 'as table\n'],
  [['-o', 'wide'], 'as wide\n'],
  [['--output', 'name'], 'a4:58:0f:01:00:00\n'],
  [['-o', 'yaml'], 'items:\n  - mac: a4:58:0f:01:00:00\n    at: 1970-01-01T00:00:00.000Z\n'],
])('%j prints the format', async (args, wanted) => {
  expect(await printed(...args)).toBe(wanted);
});

test('json output can be parsed', async () => {
  expect(JSON.parse(await printed('-o', 'json'))).toEqual({
    items: [{ mac: 'a4:58:0f:01:00:00', at: '1970-01-01T00:00:00.000Z' }],
  });
});

test('an unknown format is refused with the list of formats', async () => {
  await expect(printed('-o', 'xml')).rejects.toThrow(/Allowed choices are table, wide, json, yaml, name/);
});
