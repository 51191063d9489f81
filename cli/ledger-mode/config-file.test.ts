import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expandHome, readConfigFile } from './config-file.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'rock-mac-config-'));
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

async function write(text: string): Promise<string> {
  const file = path.join(home, '.rock', 'mac-dispenser.yaml');
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

test('the default file may be missing', async () => {
  expect(await readConfigFile(undefined, home)).toBeUndefined();
});

test('the file names the ledger', async () => {
  await write('ledger: {url: "postgresql://db/rock_mac", passwordFile: ~/secret}\n');
  expect(await readConfigFile(undefined, home)).toMatchObject({
    ledgerUrl: 'postgresql://db/rock_mac',
    passwordFile: path.join(home, 'secret'),
  });
});

test('the file may contain the configuration of the predecessor and the ledger', async () => {
  const file = await write(
    'ledger: {url: "postgresql://db/rock_mac"}\nmac_dispenser: {pools: {lab: {range: "10:00:00-10:00:ff"}}}\n',
  );
  const config = await readConfigFile(file, home);
  expect(config?.ledgerUrl).toBe('postgresql://db/rock_mac');
  expect(config?.legacy?.pools.map(({ name }) => name)).toEqual(['lab']);
});

test('an empty file is accepted', async () => {
  await write('# nothing yet\n');
  expect(await readConfigFile(undefined, home)).toMatchObject({ ledgerUrl: undefined, legacy: undefined });
});

test.each([
  ['is not YAML', 'a: [b', /is not valid YAML/],
  ['has an unknown key', 'legder: {url: x}', /is invalid: Unrecognized key: "legder"/],
  ['has an invalid value', 'ledger: {url: 5}', /ledger\.url/],
])('a file that %s is refused with its name', async (_, text, message) => {
  const file = await write(text);
  await expect(readConfigFile(undefined, home)).rejects.toThrow(message);
  await expect(readConfigFile(undefined, home)).rejects.toThrow(file);
});

test('a file that was named must exist', async () => {
  await expect(readConfigFile(path.join(home, 'none.yaml'), home)).rejects.toThrow(/none\.yaml cannot be read/);
});

test('a path may begin with the home directory', () => {
  expect(expandHome('~/x', '/home/ada')).toBe('/home/ada/x');
  expect(expandHome('/~/x', '/home/ada')).toBe('/~/x');
});
