import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROGRAM_VERSION } from '../../ledger/migrate.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { ledgerOfThisFile, schemaOfNextProgram } from './ledger-fixture.ts';
import { openShell, type RockMacShell } from './rock-mac-shell.ts';

/* `rock-mac version`: what a person writes into a bug report. */

const ledger = ledgerOfThisFile();
const { version } = packageJson;
const schema = String(PROGRAM_VERSION);
let shell: RockMacShell;

beforeAll(async () => {
  shell = await openShell();
});

afterAll(async () => {
  await shell.close();
});

test('shows the versions of the program and of the ledger', async () => {
  const { code, stdout, stderr } = await shell.rockMac('version', '--ledger', ledger.current.url);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(
    new RegExp(`^Client: +${version} \\(schema ${schema}\\)\nLedger: +schema ${schema}, Postgres [\\d.]+\n$`),
  );
  const json = await shell.rockMac('version', '--ledger', ledger.current.url, '-o', 'json');
  expect(JSON.parse(json.stdout)).toMatchObject({
    kind: 'Versions',
    client: { version, schema: PROGRAM_VERSION },
    ledger: { schema: PROGRAM_VERSION },
  });
});

test('warns if a newer program has migrated the ledger', async () => {
  const undo = await schemaOfNextProgram(ledger.current.sql);
  try {
    const { code, stderr } = await shell.rockMac('version', '--ledger', ledger.current.url);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^Warning: The ledger has schema \d+, and .*\. Update this program\.\n$/) as string,
    });
  } finally {
    await undo();
  }
});

test('says within seconds that nothing answers, and is a success all the same', async () => {
  const started = Date.now();
  const away = await shell.rockMac('version', '--ledger', 'postgresql://127.0.0.1:1/nothing');
  expect(away).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Client: .*\n$/) as string });
  expect(away.stderr).toMatch(/^Note: /);
  const none = await shell.rockMac('version');
  expect(none).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Note: No ledger is configured/) as string });
  expect(Date.now() - started).toBeLessThan(10_000);
});

test('asks nobody with --client', async () => {
  const { stdout, stderr } = await shell.rockMac('version', '--client', '--ledger', 'postgresql://127.0.0.1:1/nothing');
  expect({ stdout, stderr }).toEqual({ stdout: expect.stringMatching(/^Client: /) as string, stderr: '' });
});
