import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { freshLedger, type TestLedger } from './ledger-fixture.ts';
import { writePredecessorFile } from './predecessor-file.ts';
import { openShell, type RockMacShell } from './rock-mac-shell.ts';

/*
 * A machine that still has the predecessor's file. Without a decision about that file, the first allocation would hand
 * out an address that is active in it.
 */

const ROWS = [
  { mac: 'a4:58:0f:01:00:00', device: 'old-1', allocatedAt: '2024-03-01 10:00:00' },
  { mac: 'a4:58:0f:01:00:01', status: 'released' },
  { mac: 'a4:58:0f:00:12:34', pool: 'production', status: 'reserved', allocatedAt: '2024-05-06 07:08:00' },
];

const fileOf = (shell: RockMacShell) => path.join(shell.home, '.rock', 'mac-dispenser.db');

describe('on a ledger in a database', () => {
  let ledger: TestLedger;
  let shell: RockMacShell;

  beforeEach(async () => {
    ledger = await freshLedger();
    shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.url });
    await writePredecessorFile(fileOf(shell), ROWS);
  });

  afterEach(async () => {
    await shell.close();
    await ledger.close();
  });

  test('init says what is in the file, and nothing is handed out before a decision', async () => {
    const init = await shell.rockMac('init');
    expect(init).toMatchObject({ code: 0, stdout: 'Database initialized successfully!\n' });
    expect(init.stderr).toContain(`${fileOf(shell)}, the file of the predecessor, has 3 address(es)`);
    expect(init.stderr).toContain('  development: 1 active, 1 released\n  production: 1 reserved\n');
    expect(init.stderr).toContain('The newest is of 2024-05-06 07:08.');
    expect(init.stderr).toMatch(/Import them with `rock-mac init --import`, or .* `rock-mac init --no-import`/);
    for (const args of [['allocate'], ['allocate', '--dry-run'], ['reserve'], ['reserve', '-m', 'a4:58:0f:01:00:00']]) {
      const { code, stdout, stderr } = await shell.rockMac(...args);
      expect({ args, code, stdout }).toEqual({ args, code: 7, stdout: '' });
      expect(stderr).toMatch(
        /^Error: Nothing is handed out before .*mac-dispenser\.db, .* Import it with `rock-mac import`/,
      );
    }
    expect(await shell.rockMac('list')).toMatchObject({ code: 0, stdout: 'No allocations found\n', stderr: '' });
  });

  test('init --import imports it, and allocation continues after it', async () => {
    const init = await shell.rockMac('init', '--import');
    expect(init).toMatchObject({ code: 0, stdout: 'Database initialized successfully!\n' });
    expect(init.stderr).toContain('Imported 3 address(es): 1 active, 1 reserved, 1 released, 0 orphaned\n');
    expect((await shell.rockMac('allocate')).stdout).toBe('Allocated MAC: a4:58:0f:01:00:02\n');
    const again = await shell.rockMac('init');
    expect(again.stderr).not.toContain('predecessor');
  });

  test('import decides too, and a dry run does not', async () => {
    await shell.rockMac('init');
    expect((await shell.rockMac('import', '--dry-run')).code).toBe(0);
    expect((await shell.rockMac('allocate')).code).toBe(7);
    expect((await shell.rockMac('import')).code).toBe(0);
    expect((await shell.rockMac('allocate')).stdout).toBe('Allocated MAC: a4:58:0f:01:00:02\n');
  });

  test('a dry run of an import ends as the import would', async () => {
    await shell.bash('mv ~/.rock/mac-dispenser.db old.db && rock-mac allocate');
    const tried = await shell.rockMac('import', '--dry-run', 'old.db');
    const done = await shell.rockMac('import', 'old.db');
    expect(tried.stdout).toMatch(/^Would import 2 address\(es\)/);
    expect(tried.stdout).toMatch(/^Problem: a4:58:0f:01:00:00 is active in the file, but active for another owner/m);
    expect(done.stdout).toBe('');
    expect(tried.stderr).toBe(done.stderr);
    expect([tried.code, done.code]).toEqual([1, 1]);
  });

  test('init --no-import declines it for this ledger, and only for this one', async () => {
    expect(await shell.rockMac('init', '--no-import')).toMatchObject({ code: 0 });
    expect((await shell.rockMac('allocate')).stdout).toBe('Allocated MAC: a4:58:0f:01:00:00\n');
    expect((await shell.rockMac('init')).stderr).not.toContain('predecessor');
    const other = await freshLedger();
    try {
      await other.sql('update rock_mac.ledger_state set ledger_id = gen_random_uuid()'); // a copy of one template
      expect((await shell.rockMac('allocate', '--ledger', other.url)).code).toBe(7);
    } finally {
      await other.close();
    }
  });

  test('init --import fails for a file that contradicts the ledger, and nothing is handed out', async () => {
    await shell.bash(
      'mv ~/.rock/mac-dispenser.db ~/.rock/away && rock-mac allocate && mv ~/.rock/away ~/.rock/mac-dispenser.db',
    );
    const { code, stdout, stderr } = await shell.rockMac('init', '--import');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/Nothing was imported: a4:58:0f:01:00:00 is active in the file/);
    expect((await shell.rockMac('allocate')).code).toBe(7);
  });

  test('the file that the old configuration names is found', async () => {
    await shell.bash(`mv ~/.rock/mac-dispenser.db ~/old.db
      echo 'mac_dispenser: {database: {path: ~/old.db}}' > ~/.rock/mac-dispenser.yaml`);
    expect((await shell.rockMac('init')).stderr).toContain(`${shell.home}/old.db, the file of the predecessor, has 3`);
    expect((await shell.rockMac('allocate')).code).toBe(7);
  });

  test.each([
    ['an empty file', ': > ~/.rock/mac-dispenser.db'],
    ['a file without addresses', `rm ~/.rock/mac-dispenser.db`],
  ])('%s needs no decision', async (_, script) => {
    await shell.bash(script);
    if (!script.startsWith(':')) await writePredecessorFile(fileOf(shell), []);
    expect((await shell.rockMac('init')).stderr).not.toContain('predecessor');
    expect((await shell.rockMac('allocate')).code).toBe(0);
  });

  test('a file that cannot be read needs a decision', async () => {
    await shell.bash('head -c 5000 /dev/urandom > ~/.rock/mac-dispenser.db');
    expect((await shell.rockMac('init')).stderr).toMatch(/mac-dispenser\.db cannot be read as the SQLite file/);
    const { code, stderr } = await shell.rockMac('allocate');
    expect(code).toBe(7);
    expect(stderr).toMatch(/rock-mac init --no-import/);
    expect((await shell.rockMac('init', '--import')).code).toBe(1);
    expect((await shell.rockMac('init', '--no-import')).code).toBe(0);
    expect((await shell.rockMac('allocate')).code).toBe(0);
  });

  test('init --import without a file says so', async () => {
    await shell.bash('rm ~/.rock/mac-dispenser.db');
    const { code, stderr } = await shell.rockMac('init', '--import');
    expect(code).toBe(1);
    expect(stderr).toMatch(/There is no file .*mac-dispenser\.db to import/);
  });
});

describe('on a machine without a ledger', () => {
  let shell: RockMacShell;

  beforeAll(async () => {
    shell = await openShell();
    await writePredecessorFile(fileOf(shell), ROWS);
  });

  afterAll(async () => {
    await shell.rockMac('ledger', 'stop');
    await shell.close();
  });

  test('commands point to the file, and init --import creates a ledger with its addresses', async () => {
    for (const args of [['allocate'], ['list'], ['ledger', 'status']]) {
      const { code, stderr } = await shell.rockMac(...args);
      expect({ args, code }).toEqual({ args, code: 1 });
      expect(stderr).toContain('The file of the predecessor is still here');
      expect(stderr).toContain('`rock-mac init --import`');
    }
    expect((await shell.rockMac('init', '--import')).code).toBe(0);
    expect((await shell.rockMac('show', 'old-1')).stdout).toContain('MAC Address:  a4:58:0f:01:00:00\n');
    expect((await shell.rockMac('allocate')).stdout).toBe('Allocated MAC: a4:58:0f:01:00:02\n');
  });
});
