import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { ledgerSource, processEnvironment, readEnvironment } from './environment.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-environment-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const schema = z.object(processEnvironment);
const file = path.join(folder, 'url');

test('the URL of the ledger may be in a file', () => {
  writeFileSync(file, 'postgresql://app:s3cret@db/rock_mac\n');
  const config = readEnvironment(schema, { ROCK_MAC_LEDGER_URL_FILE: file });
  expect(ledgerSource(config)).toEqual({
    url: 'postgresql://app:s3cret@db/rock_mac',
    urlFile: file,
    passwordFile: undefined,
  });
});

test.each([
  ['that is missing', path.join(folder, 'missing'), /missing of ROCK_MAC_LEDGER_URL_FILE cannot be read/],
  ['that is a folder', folder, / of ROCK_MAC_LEDGER_URL_FILE cannot be read/],
])('a file %s is reported', (_, named, message) => {
  expect(() => readEnvironment(schema, { ROCK_MAC_LEDGER_URL_FILE: named })).toThrow(message);
});

test('neither a URL nor a file is reported as a missing URL', () => {
  expect(() => readEnvironment(schema, {})).toThrow(/set it to the Postgres URL of the ledger.*ROCK_MAC_LEDGER_URL/s);
});
