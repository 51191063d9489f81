import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { migrate, PROGRAM_VERSION } from '../../ledger/migrate.ts';
import { freshDatabase } from '../env/testing.ts';
import { ledgerOfThisFile, readingUrl } from './ledger-fixture.ts';
import { type Ended, shellOfThisFile } from './rock-mac-shell.ts';

/* Every mistake of a user has its exit code, its cause and its next step, and changes nothing. */

const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);
/** The ledger for `rock-mac sql`, which needs a login that can only read. */
let reading: string;

beforeAll(async () => {
  reading = await readingUrl(ledger.current);
  await shell.rockMac('reserve', '-m', 'a4:58:0f:00:00:01', '-d', 'gateway');
});

interface Bad {
  readonly line: string;
  readonly code: number;
  readonly stderr: RegExp;
}

const TABLE: Readonly<Record<string, Bad>> = {
  'an unknown pool': {
    line: 'allocate -p developement',
    code: 1,
    stderr: /no pool "developement"\. Did you mean development\? The pools are production, development/,
  },
  'an unknown pool for a reservation': {
    line: 'reserve -m a4:58:0f:00:00:02 -p nowhere',
    code: 1,
    stderr: /no pool "nowhere"/,
  },
  'a malformed address': { line: 'reserve -m a4:58:0f:00', code: 1, stderr: /malformed.*Write it like a4:58/ },
  'a malformed address to release': { line: 'release a4:58', code: 1, stderr: /malformed/ },
  'a multicast address': { line: 'reserve -m 01:00:5e:00:00:01', code: 1, stderr: /multicast/ },
  'an address in another pool than -p': {
    line: 'reserve -m a4:58:0f:00:12:34 -p docker',
    code: 1,
    stderr: /is in pool production, not in docker\. Leave --pool out/,
  },
  'an address in no pool': { line: 'reserve -m a6:58:0f:00:12:34', code: 1, stderr: /in no pool.*rock-mac pool list/ },
  'an address that another device holds': {
    line: 'reserve -m a4:58:0f:00:00:01',
    code: 4,
    stderr: /a4:58:0f:00:00:01 is held by gateway \(reserved\)\. Choose another/,
  },
  'metadata that is not JSON': {
    line: `allocate -m '{rack: a7}'`,
    code: 1,
    stderr: /not a JSON object\. Write it like/,
  },
  'metadata that is not an object': { line: `allocate -m '[1]'`, code: 1, stderr: /not a JSON object/ },
  'metadata that is too long': {
    line: `allocate -m "{\\"a\\": \\"$(head -c 20000 /dev/zero | tr '\\0' x)\\"}"`,
    code: 1,
    stderr: /longer than 16384 octets/,
  },
  'metadata with a key that programs would lose': {
    line: `allocate -m '{"rack": {"__proto__": "a7"}}'`,
    code: 1,
    stderr: /contains the key __proto__/,
  },
  'a device with the name of a member of every JavaScript object': {
    line: 'renew constructor',
    code: 3,
    stderr: /Nobody holds constructor/,
  },
  'an unknown state': { line: 'list -s relesed', code: 1, stderr: /not a state.*Did you mean released\?/ },
  'an invalid number of rows': { line: 'list -l many', code: 2, stderr: /whole number from 1/ },
  'an unknown pool to list': {
    line: 'list -p docker,dokcer',
    code: 1,
    stderr: /no pool "dokcer"\. Did you mean docker\?/,
  },
  'an unknown pool to watch': { line: 'list --watch -p nowhere', code: 1, stderr: /no pool "nowhere"/ },
  'an unknown pool in the audit': { line: 'audit -p nowhere', code: 1, stderr: /no pool "nowhere"/ },
  'an unknown pool to follow': { line: 'audit --follow -p nowhere', code: 1, stderr: /no pool "nowhere"/ },
  'an unknown action': {
    line: 'audit --action alocate',
    code: 1,
    stderr: /no action "alocate"\. Did you mean allocate\?/,
  },
  'an unknown action to follow': { line: 'audit --follow --action nothing', code: 1, stderr: /no action "nothing"/ },
  'a date that does not exist': { line: 'audit --since 2026-02-30', code: 2, stderr: /Give an age/ },
  'a time on a day that does not exist': { line: 'list --since 2026-02-31T10:00', code: 2, stderr: /Give an age/ },
  'a number that JavaScript would change': {
    line: `allocate -m '{"serial": 12345678901234567890}'`,
    code: 1,
    stderr: /12345678901234567890 in the metadata cannot be kept exactly\. Write it as text/,
  },
  'a device on two lines': {
    line: `allocate -d "$(printf 'a\\nb')"`,
    code: 1,
    stderr: /contains a character that nobody sees/,
  },
  'an invalid page token': { line: 'list --after nonsense', code: 1, stderr: /not a page mark/ },
  'an invalid duration': { line: 'allocate --expires-after soon', code: 2, stderr: /duration of at least a minute/ },
  'a request key of another device': {
    line: 'allocate -p kubernetes -d vm-a --request-key build-7 && rock-mac allocate -p kubernetes -d vm-b --request-key build-7',
    code: 4,
    stderr: /request key already belongs to a request for another device, type, pool or address\. Use a different key/,
  },
  'a request key of another type': {
    line: 'allocate -p kubernetes -d vm-a --request-key build-7 -t docker',
    code: 4,
    stderr: /request key already belongs/,
  },
  'a request key of another pool': {
    line: 'allocate -p docker -d vm-a --request-key build-7',
    code: 4,
    stderr: /request key already belongs/,
  },
  'a request key of an allocation for a reservation': {
    line: 'reserve -p kubernetes -d vm-a -t qemu-vm --request-key build-7',
    code: 4,
    stderr: /request key already belongs/,
  },
  'a request key of another address': {
    line: 'reserve -m a4:58:0f:05:00:77 -d vm-a -t qemu-vm --request-key build-7 && rock-mac reserve -m a4:58:0f:05:00:78 -d vm-a --request-key build-7',
    code: 4,
    stderr: /request key already belongs/,
  },
  'a request key from an unset variable': {
    line: 'allocate --request-key "$UNSET"',
    code: 2,
    stderr: /not empty/,
  },
  'a ledger from an unset variable': { line: 'list --ledger "$UNSET"', code: 2, stderr: /--ledger is empty/ },
  'a file to write from an unset variable': { line: 'backup "$UNSET"', code: 2, stderr: /name of a file/ },
  'a file to replace from an unset variable': {
    line: 'export -f hosts --to "$UNSET"',
    code: 2,
    stderr: /name of a file\. See `rock-mac export --help`/,
  },
  'a file to import from an unset variable': { line: 'import "$UNSET"', code: 2, stderr: /name of a file/ },
  'an unknown command': { line: 'alocate', code: 2, stderr: /unknown command.*\s*\(Did you mean allocate/ },
  'an unknown flag': {
    line: 'allocate --pol x',
    code: 2,
    stderr: /unknown option.*\s*\(Did you mean --pool/,
  },
  'a missing argument': {
    line: 'release',
    code: 2,
    stderr: /Nothing says what to release\. Name an address or a device, or use --all.*See `rock-mac release --help`/,
  },
  'an extra argument': { line: 'release a b', code: 2, stderr: /too many arguments.*See `rock-mac release --help`/ },
  'an unknown command of a group': { line: 'cluster retier', code: 2, stderr: /See `rock-mac cluster --help`/ },
  'a missing argument of a command in a group': {
    line: 'cluster retire',
    code: 2,
    stderr: /See `rock-mac cluster retire --help`/,
  },
  'a device without addresses to renew': { line: 'renew nobody', code: 3, stderr: /nothing to renew.*rock-mac show/ },
  'a reserved address without --force': { line: 'release gateway', code: 4, stderr: /is reserved.*Add --force/ },
  'an unknown cluster': { line: 'cluster retire nowhere', code: 3, stderr: /never registered|ever registered/ },
  'an unknown holder of a stock': { line: 'stock return nobody', code: 3, stderr: /No webhook "nobody" has a stock/ },
  'a missing file to import': {
    line: 'import /nowhere.db',
    code: 1,
    stderr: /\/nowhere\.db cannot be read \(there is no such file\)/,
  },
  'a backup to an impossible path': {
    line: 'backup /dev/null/ledger.backup',
    code: 1,
    stderr: /was not written \(something else has that name\).*Name a file in a folder/,
  },
  'a missing file to restore': {
    line: 'restore /nowhere',
    code: 1,
    stderr: /\/nowhere cannot be read \(there is no such file\)/,
  },
  'a file that is not a backup': {
    line: 'restore "$0"',
    code: 1,
    stderr: /cannot be read|not a backup of a rock-mac ledger/,
  },
  'a restore into a ledger that is in use': {
    line: 'backup b.backup && rock-mac restore b.backup',
    code: 4,
    stderr: /has addresses or clusters/,
  },
  'a statement that writes': { line: `sql 'delete from addresses'`, code: 6, stderr: /only reads/ },
  'a second statement': { line: `sql 'select 1; delete from pools'`, code: 1, stderr: /multiple commands/ },
  'a statement that ends the transaction': { line: `sql 'commit; delete from pools'`, code: 6, stderr: /only reads/ },
  'a deletion inside a with query': {
    line: `sql 'with gone as (delete from pools returning 1) select * from gone'`,
    code: 6,
    stderr: /only reads/,
  },
  'a block of code': {
    line: `sql 'do $$ begin delete from pools; end $$'`,
    code: 6,
    stderr: /only reads: it accepts one/,
  },
  'a copy to a program': { line: `sql "copy (select 1) to program 'touch x'"`, code: 6, stderr: /only reads/ },
  'a change of the role': { line: `sql 'set role postgres'`, code: 6, stderr: /only reads/ },
  'a truncation': { line: `sql 'truncate addresses'`, code: 6, stderr: /only reads/ },
  'an explain that executes its statement': {
    line: `sql 'explain analyze delete from pools'`,
    code: 6,
    stderr: /only reads/,
  },
  'a query that creates a table': { line: `sql 'select * into mine from pools'`, code: 1, stderr: /refused/ },
  'a query that locks rows': { line: `sql 'select * from pools for update'`, code: 6, stderr: /only reads/ },
  'a function that writes': {
    line: `sql "select rock_mac.pause_pool('docker', true, 'me')"`,
    code: 6,
    stderr: /only reads: permission denied/,
  },
  'a file of the server': { line: `sql "select pg_read_file('PG_VERSION')"`, code: 6, stderr: /only reads/ },
  'a statement that is not SQL': { line: `sql 'select from where'`, code: 1, stderr: /syntax error/ },
  'a range without a pool': { line: 'init --range 01:00:00-01:00:ff', code: 2, stderr: /needs both/ },
  'an invalid prefix': { line: 'init --prefix a4:58-0f', code: 2, stderr: /2 to 10 hex digits/ },
  'a multicast prefix': { line: 'init --prefix 01:00:5e', code: 2, stderr: /multicast/ },
  'another prefix for a ledger in use': {
    line: 'init --prefix a6:58:0f',
    code: 4,
    stderr: /has the prefix a4:58:0f and keeps it/,
  },
  'an invalid object name': { line: 'list --owner a/b/c/d', code: 1, stderr: /names no object/ },
  'an invalid range': { line: 'init --pool docker --range 04:00:00', code: 2, stderr: /first and the last/ },
};

function expectRefused({ code, stdout, stderr }: Ended, bad: Omit<Bad, 'line'>): void {
  expect({ code, stdout: stdout.replace(/^(?:Wrote|Allocated) .*\n/, '') }).toEqual({ code: bad.code, stdout: '' });
  expect(stderr).toMatch(/(?:^|\n)Error: /);
  expect(stderr).toMatch(bad.stderr);
  expect(stderr).not.toMatch(/\n\s+at /); // expected errors show no stack
  expect(stderr).not.toMatch(/ENOENT|ENOTDIR|EACCES|\[[A-Z]+_[A-Z_]+\]/); // nor codes for programs
}

test.each(Object.entries(TABLE))('%s', async (_, bad) => {
  const login = bad.line.startsWith('sql ') ? `ROCK_MAC_LEDGER_URL=${reading} ` : '';
  expectRefused(await shell.bash(`${login}rock-mac ${bad.line}`), bad);
});

test('none of these changes anything', async () => {
  const rows = await ledger.current.sql(
    `select mac_address from rock_mac.allocations where device_id is distinct from 'vm-a'`,
  );
  expect(rows).toEqual([{ mac_address: 'a4:58:0f:00:00:01' }]);
});

test('an unreachable ledger', async () => {
  const ended = await shell.rockMac('allocate', '--ledger', 'postgresql://me:secret@127.0.0.1:9/rock_mac');
  expectRefused(ended, { code: 7, stderr: /ECONNREFUSED.*Check that Postgres runs/ });
  expect(ended.stderr).not.toContain('secret');
});

test('an invalid URL', async () => {
  expectRefused(await shell.rockMac('list', '--ledger', 'mysql://x'), {
    code: 1,
    stderr: /is not the URL of a Postgres/,
  });
});

test('a wrong password', async () => {
  const url = new URL(ledger.current.url);
  url.password = 'guessed';
  const ended = await shell.rockMac('allocate', '--ledger', url.href);
  expectRefused(ended, { code: 6, stderr: /password authentication failed.*Check the user, the password/ });
  expect(ended.stderr).not.toContain('guessed');
});

test('a missing database', async () => {
  const url = new URL(ledger.current.url);
  url.pathname = '/nowhere';
  expectRefused(await shell.rockMac('list', '--ledger', url.href), { code: 7, stderr: /Create the database/ });
});

test('a database without a ledger, and one with an old schema, which migrate upgrades after a backup', async () => {
  const database = await freshDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-old-'));
  try {
    const { url } = database;
    expectRefused(await shell.rockMac('list', '--ledger', url), { code: 1, stderr: /no ledger yet.*rock-mac migrate/ });
    const migrations = path.join(import.meta.dirname, '..', '..', 'ledger', 'migrations');
    const last = `${String(PROGRAM_VERSION).padStart(4, '0')}-`;
    await cp(migrations, folder, { recursive: true, filter: (file) => !path.basename(file).startsWith(last) });
    await migrate(url, { directory: pathToFileURL(`${folder}/`) });
    expectRefused(await shell.rockMac('allocate', '--ledger', url), { code: 1, stderr: /needs.*rock-mac migrate/ });
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
