import { expect, test } from 'vitest';
import { ledgerMode } from '../ledger-mode/mode.ts';
import { createProgram } from '../program.ts';
import { createTerminal } from '../terminal.ts';
import { complete } from './complete.ts';

const sink = { write: () => true };
const program = createProgram({ mode: ledgerMode, terminal: createTerminal(sink, sink, {}) });

/** Completes the word after the last space of a line. */
function at(line: string) {
  const { candidates, ...rest } = complete(program, line.split(' '));
  return { ...rest, texts: candidates.map(({ text }) => text) };
}

test.each([
  ['all', 'allocate'],
  ['re', 'release', 'renew', 'report', 'reserve', 'restore', 'recover'],
  ['cluster ', 'list', 'retire', 'bind', 'continue'],
  ['stock ', 'list', 'return'],
  ['allocate --po', '--pool'],
  ['allocate --led', '--ledger'],
  ['list -o ', 'table', 'wide', 'json', 'yaml', 'name', 'csv', 'jsonpath=', 'custom-columns='],
  ['list --output y', 'yaml'],
  ['completion ', 'install', 'bash', 'zsh', 'fish'],
  ['completion install ', 'bash', 'zsh', 'fish'],
  ['-v --ledger postgresql://db/x sho', 'show'],
])('%j is completed to %s', (line, ...wanted) => {
  expect(at(line).texts.toSorted()).toEqual(wanted.toSorted());
});

test.each([
  ['allocate -p ', 'pools'],
  ['allocate --pool dev', 'pools'],
  ['pool pause ', 'pools'],
  ['pool add ', undefined],
  ['release ', 'holders'],
  ['show a4:58', 'holders'],
  ['whois a4:58', 'holders'],
  ['release --force vm', 'holders'],
  ['list --device ', 'holders'],
  ['reserve --mac a4', 'macs'],
  ['allocate --type ', undefined],
  ['release a4:58:0f:01:00:00 ', undefined],
])('%j is completed from the live source %s', (line, live) => {
  expect(at(line).live).toBe(live);
});

test('typed flags are passed on, so that the same ledger is read', () => {
  expect(at('--ledger postgresql://db/x allocate --config=/etc/rock.yaml -p ').options).toEqual({
    ledger: 'postgresql://db/x',
    config: '/etc/rock.yaml',
  });
});

test.each(['restore ', 'import ', 'import -f csv a.csv ', 'import --conflicts ', 'backup /tmp/', '--config '])(
  '%j is completed to file names',
  (line) => {
    expect(at(line).files).toBe(true);
  },
);

test('boolean flags are passed on too', () => {
  expect(at('release --force --ledger=x vm').options).toEqual({ force: true, ledger: 'x' });
});
