import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, PROGRAM_VERSION } from '../../ledger/migrate.ts';
import { freshDatabase } from '../env/testing.ts';
import { ledgerOfThisFile } from './ledger-fixture.ts';
import { openShell, type Ended, type RockMacShell } from './rock-mac-shell.ts';

/* What a user gets wrong, or finds wrong: each has its exit code, its cause and its next step, and changes nothing. */

const ledger = ledgerOfThisFile();
let shell: RockMacShell;

beforeAll(async () => {
  shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.current.url });
  await shell.rockMac('reserve', '-m', 'a4:58:0f:00:00:01', '-d', 'gateway');
});

afterAll(async () => {
  await shell.close();
});

interface Bad {
  readonly line: string;
  readonly code: number;
  readonly says: RegExp;
}

const TABLE: Readonly<Record<string, Bad>> = {
  'a pool that there is none of': {
    line: 'allocate -p developement',
    code: 1,
    says: /no pool "developement"\. Did you mean development\? The pools are production, development/,
  },
  'a pool that there is none of, to reserve in': {
    line: 'reserve -m a4:58:0f:00:00:02 -p nowhere',
    code: 1,
    says: /no pool "nowhere"/,
  },
  'a malformed address': { line: 'reserve -m a4:58:0f:00', code: 1, says: /malformed.*Write it like a4:58/ },
  'a malformed address to release': { line: 'release a4:58', code: 1, says: /malformed/ },
  'a multicast address': { line: 'reserve -m 01:00:5e:00:00:01', code: 1, says: /multicast/ },
  'an address in another pool than -p': {
    line: 'reserve -m a4:58:0f:00:12:34 -p docker',
    code: 1,
    says: /is in pool production, not in docker\. Leave --pool out/,
  },
  'an address in no pool': { line: 'reserve -m a6:58:0f:00:12:34', code: 1, says: /in no pool.*rock-mac pools/ },
  'an address that somebody holds': {
    line: 'reserve -m a4:58:0f:00:00:01',
    code: 4,
    says: /is reserved, held by gateway\. Choose another/,
  },
  'metadata that is no JSON': { line: `allocate -m '{rack: a7}'`, code: 1, says: /no JSON object\. Write it like/ },
  'metadata that is no object': { line: `allocate -m '[1]'`, code: 1, says: /no JSON object/ },
  'metadata that is too long': {
    line: `allocate -m "{\\"a\\": \\"$(head -c 20000 /dev/zero | tr '\\0' x)\\"}"`,
    code: 1,
    says: /longer than 16384 octets/,
  },
  'a state that there is none of': { line: 'list -s relesed', code: 1, says: /no state.*Did you mean released\?/ },
  'a number of rows that is none': { line: 'list -l many', code: 2, says: /whole number from 1 to 10,000/ },
  'a page that nobody named': { line: 'list --after nonsense', code: 1, says: /not a page mark/ },
  'a period that is none': { line: 'allocate --expires-after soon', code: 2, says: /duration of at least a minute/ },
  'a request key out of a variable that is not set': {
    line: 'allocate --request-key "$UNSET"',
    code: 2,
    says: /not empty/,
  },
  'a command that there is none of': { line: 'alocate', code: 2, says: /unknown command.*\s*\(Did you mean allocate/ },
  'a flag that there is none of': {
    line: 'allocate --pol x',
    code: 2,
    says: /unknown option.*\s*\(Did you mean --pool/,
  },
  'an argument that is missing': { line: 'release', code: 2, says: /missing required argument 'mac\|device'\. See / },
  'an argument too many': { line: 'release a b', code: 2, says: /too many arguments/ },
  'a device that holds nothing, to renew': { line: 'renew nobody', code: 3, says: /nothing to renew.*rock-mac show/ },
  'a reserved address without --force': { line: 'release gateway', code: 4, says: /is reserved.*Add --force/ },
  'a cluster that never was': { line: 'cluster retire nowhere', code: 3, says: /never registered|ever registered/ },
  'a file to import that is not there': {
    line: 'import /nowhere.db',
    code: 1,
    says: /\/nowhere\.db cannot be read \(ENOENT/,
  },
  'a backup where no file can be': {
    line: 'backup /dev/null/ledger.backup',
    code: 1,
    says: /was not written \(E.*Name a file in a folder/,
  },
  'a file to restore that is not there': { line: 'restore /nowhere', code: 1, says: /\/nowhere cannot be read/ },
  'a backup that is none': { line: 'restore "$0"', code: 1, says: /cannot be read|not a backup of a rock-mac ledger/ },
  'a ledger that is in use, to restore into': {
    line: 'backup b.backup && rock-mac restore b.backup',
    code: 4,
    says: /has handed out addresses/,
  },
  'a statement that writes': { line: `sql 'delete from addresses'`, code: 6, says: /only reads/ },
  'a statement behind another': { line: `sql 'select 1; delete from pools'`, code: 1, says: /multiple commands/ },
  'a statement that ends the transaction': { line: `sql 'commit; delete from pools'`, code: 6, says: /only reads/ },
  'a deletion behind with': {
    line: `sql 'with gone as (delete from pools returning 1) select * from gone'`,
    code: 6,
    says: /only reads/,
  },
  'a block of code': { line: `sql 'do $$ begin delete from pools; end $$'`, code: 6, says: /only reads: it takes one/ },
  'a copy to a program': { line: `sql "copy (select 1) to program 'touch x'"`, code: 6, says: /only reads/ },
  'a change of the role': { line: `sql 'set role postgres'`, code: 6, says: /only reads/ },
  'a truncation': { line: `sql 'truncate addresses'`, code: 6, says: /only reads/ },
  'an explanation that would be done': { line: `sql 'explain analyze delete from pools'`, code: 6, says: /only reads/ },
  'a table out of a question': { line: `sql 'select * into mine from pools'`, code: 1, says: /refused/ },
  'a row that is locked': { line: `sql 'select * from pools for update'`, code: 6, says: /only reads/ },
  'a function that writes': {
    line: `sql "select rock_mac.pause_pool('docker', true, 'me')"`,
    code: 6,
    says: /only reads: permission denied/,
  },
  'a file of the server': { line: `sql "select pg_read_file('PG_VERSION')"`, code: 6, says: /only reads/ },
  'a statement that is no SQL': { line: `sql 'select from where'`, code: 1, says: /syntax error/ },
  'a range without a pool': { line: 'init --range 01:00:00-01:00:ff', code: 1, says: /needs both/ },
  'a prefix that is none': { line: 'init --prefix a4:58', code: 2, says: /first three octets/ },
  'a prefix of groups': { line: 'init --prefix 01:00:5e', code: 2, says: /first three octets/ },
  'another prefix than that of a ledger in use': {
    line: 'init --prefix a6:58:0f',
    code: 4,
    says: /has the prefix a4:58:0f and keeps it/,
  },
  'an object that is none': { line: 'list --owner a/b/c/d', code: 1, says: /names no object/ },
  'a range that is none': { line: 'init --pool docker --range 04:00:00', code: 2, says: /first and the last/ },
};

function expectRefused({ code, stdout, stderr }: Ended, bad: Omit<Bad, 'line'>): void {
  expect({ code, stdout: stdout.replace(/^Wrote .*\n/, '') }).toEqual({ code: bad.code, stdout: '' });
  expect(stderr).toMatch(/(?:^|\n)Error: /);
  expect(stderr).toMatch(bad.says);
  expect(stderr).not.toMatch(/\n\s+at /); // no stack: it was foreseen
}

test.each(Object.entries(TABLE))('%s', async (_, bad) => {
  expectRefused(await shell.bash(`rock-mac ${bad.line}`), bad);
});

test('none of these has changed a thing', async () => {
  const rows = await ledger.current.sql('select mac_address from rock_mac.allocations');
  expect(rows).toEqual([{ mac_address: 'a4:58:0f:00:00:01' }]);
});

test('a ledger that nobody answers for', async () => {
  const ended = await shell.rockMac('allocate', '--ledger', 'postgresql://me:secret@127.0.0.1:9/rock_mac');
  expectRefused(ended, { code: 7, says: /ECONNREFUSED.*Check that Postgres runs/ });
  expect(ended.stderr).not.toContain('secret');
});

test('a URL that is none', async () => {
  expectRefused(await shell.rockMac('list', '--ledger', 'mysql://x'), {
    code: 1,
    says: /is not the URL of a Postgres/,
  });
});

test('a wrong password', async () => {
  const url = new URL(ledger.current.url);
  url.password = 'guessed';
  const ended = await shell.rockMac('allocate', '--ledger', url.href);
  expectRefused(ended, { code: 6, says: /password authentication failed.*Check the user, the password/ });
  expect(ended.stderr).not.toContain('guessed');
});

test('a database that is not there', async () => {
  const url = new URL(ledger.current.url);
  url.pathname = '/nowhere';
  expectRefused(await shell.rockMac('list', '--ledger', url.href), { code: 7, says: /Create the database/ });
});

test('a database without a ledger, and one with an old schema, which migrate brings up after a backup', async () => {
  const database = await freshDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-old-'));
  try {
    const { url } = database;
    expectRefused(await shell.rockMac('list', '--ledger', url), { code: 1, says: /no ledger yet.*rock-mac migrate/ });
    const migrations = path.join(import.meta.dirname, '..', '..', 'ledger', 'migrations');
    const last = `${String(PROGRAM_VERSION).padStart(4, '0')}-`;
    await cp(migrations, folder, { recursive: true, filter: (file) => !path.basename(file).startsWith(last) });
    await migrate(url, { directory: pathToFileURL(`${folder}/`) });
    expectRefused(await shell.rockMac('allocate', '--ledger', url), { code: 1, says: /needs.*rock-mac migrate/ });
    const { code, stdout, stderr } = await shell.rockMac('migrate', '--ledger', url);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Applied ${last}.*\nThe ledger is at version ${String(PROGRAM_VERSION)}\n$`));
    expect(stderr).toMatch(/A backup from before the migration is in .*before-migration-.*\.backup\./);
    expect((await shell.bash('zcat ~/.rock/backups/before-migration-*')).stdout).toContain('"end":true');
    expect((await shell.rockMac('allocate', '--ledger', url)).code).toBe(0);
  } finally {
    await rm(folder, { recursive: true });
    await database.remove();
  }
});
