import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ledgerOfThisFile } from './ledger-fixture.ts';
import { openShell, type RockMacShell } from './rock-mac-shell.ts';

/* `rock-mac report` on a real ledger, with a secret in everything that it reads. */

const SECRET = 'S3cr3t-planted';
const DEVICE = 'planted-device-7';
const USER = 'planted-user';

const ledger = ledgerOfThisFile();
let shell: RockMacShell;

beforeAll(async () => {
  await ledger.current.sql(`create role "${USER}" login superuser password '${SECRET}'`);
  const url = new URL(ledger.current.url);
  url.username = USER;
  url.password = SECRET;
  shell = await openShell({ ROCK_MAC_LEDGER_URL: url.href, ROCK_MAC_SOME_TOKEN: SECRET, PGPASSWORD: SECRET });
  await shell.bash(
    `mkdir -p ~/.rock && echo 'ledger: { url: "postgresql://x:${SECRET}@127.0.0.1:1/none" }' > ~/.rock/mac-dispenser.yaml`,
  );
  const reserved = [
    'reserve',
    '-p',
    'reserved',
    '--device',
    DEVICE,
    '--metadata',
    JSON.stringify({ password: SECRET }),
  ];
  expect((await shell.rockMac(...reserved, '--reason', `password=${SECRET} of ${DEVICE}`)).code).toBe(0);
});

afterAll(async () => {
  await shell.close();
  await ledger.current.sql(`drop owned by "${USER}"; drop role "${USER}"`);
});

async function reportOf(file: string): Promise<{ readonly names: string[]; readonly text: string }> {
  const entries = unzipSync(await readFile(path.join(shell.home, file)));
  return {
    names: Object.keys(entries),
    text: Object.values(entries)
      .map((bytes) => strFromU8(bytes))
      .join('\n'),
  };
}

test('a report has what doctor found, and neither secrets nor names', async () => {
  const { code, stdout, stderr } = await shell.rockMac('report', '--to', path.join(shell.home, 'report.zip'));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { names, text } = await reportOf('report.zip');
  const wanted = ['version', 'doctor', 'configuration', 'pools', 'ledger', 'clusters', 'audit'];
  expect(names).toEqual(wanted.map((name) => `rock-mac-report/${name}.json`));
  for (const name of wanted) expect(stdout).toContain(`${name}.json`);
  for (const hidden of [SECRET, DEVICE, USER]) expect(text).not.toContain(hidden);
  expect(text).toContain('"subject": "durability"');
  expect(text).toContain('"action": "reserve"');
  expect((await stat(path.join(shell.home, 'report.zip'))).mode & 0o777).toBe(0o600);
});

test('with --with-names it has names and reasons, and still no secret', async () => {
  await shell.rockMac('report', '--with-names', '--to', path.join(shell.home, 'named.zip'));
  const { text } = await reportOf('named.zip');
  expect(text).toContain(DEVICE);
  expect(text).not.toContain(SECRET);
});

test('a report about a ledger that cannot be reached says why, and a file is never overwritten', async () => {
  const args = [
    'report',
    '--ledger',
    `postgresql://x:${SECRET}@127.0.0.1:1/none`,
    '--to',
    path.join(shell.home, 'away.zip'),
  ];
  expect((await shell.rockMac(...args)).code).toBe(0);
  const { text } = await reportOf('away.zip');
  expect(text).toContain('could not be reached');
  expect(text).not.toContain(SECRET);
  const again = await shell.rockMac(...args);
  expect(again).toMatchObject({ code: 1 });
  expect(again.stderr).toContain('--to FILE');
});
