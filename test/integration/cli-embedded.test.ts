import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../env/run/eventually.ts';
import { openShell, type RockMacShell } from './rock-mac-shell.ts';

/* The ledger that `rock-mac init` creates in a user's home, with kills, reboots and concurrency. All tests share a home. */

let shell: RockMacShell;
let data: string;

beforeAll(async () => {
  shell = await openShell();
  data = path.join(shell.home, '.rock', 'ledger', 'data');
  const before = await shell.rockMac('allocate');
  expect(before).toMatchObject({ code: 1, stdout: '' });
  expect(before.stderr).toMatch(/there is none on this machine\. Run `rock-mac init`/);
  const { code, stdout, stderr } = await shell.rockMac('init');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'Database initialized successfully!\n' });
  expect(stderr).toContain(`The ledger is in ${path.join(shell.home, '.rock', 'ledger')}`);
  expect(stderr).toContain('the only authority for its ranges: production (a4:58:0f:00:00:01 to a4:58:0f:00:ff:ff)');
});

afterAll(async () => {
  await shell.rockMac('ledger', 'stop');
  await shell.close();
});

async function allocate(device = 'vm'): Promise<string> {
  const { code, stdout, stderr } = await shell.rockMac('allocate', '-d', device, '-o', 'name');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trim();
}

async function heldMacs(): Promise<string[]> {
  const { stdout } = await shell.rockMac('list', '-o', 'name', '-l', '1000');
  return stdout.trim().split('\n');
}

async function serverPid(): Promise<number> {
  return Number.parseInt(await readFile(path.join(data, 'postmaster.pid'), 'utf8'), 10);
}

/** Returns the processes of the server: their working directory is its data directory. */
async function serverProcesses(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${String(pid)}/cwd`).catch(() => '')));
  return pids.filter((_, index) => folders[index] === data);
}

async function killAll(): Promise<void> {
  const parent = await serverPid();
  for (const pid of [parent, ...(await serverProcesses())]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      continue; // it ended with its parent
    }
  }
  await eventually(
    async () => {
      if ((await serverProcesses()).length > 0) throw new Error('some still run');
    },
    { within: 20_000 },
  );
}

test('it listens only on a local socket that no other user can use', async () => {
  await allocate();
  const settings = await shell.rockMac(
    'sql',
    `select current_setting('listen_addresses') as listens, current_setting('unix_socket_permissions') as may`,
    ...['-o', 'json'],
  );
  expect(JSON.parse(settings.stdout)).toEqual([{ listens: '', may: '0700' }]);
  const { stdout } = await shell.bash(`stat -c %a ${data} ${path.dirname(data)}/run`);
  expect(stdout).toBe('700\n700\n');
});

test('sql adds its account to a ledger that an earlier version created without it', async () => {
  await allocate();
  const run = path.join(path.dirname(data), 'run');
  const owner = new Client({ host: run, user: 'rock_mac', database: 'postgres' });
  await owner.connect();
  for (const file of ['pg_hba.conf', 'pg_ident.conf']) {
    const text = await readFile(path.join(data, file), 'utf8');
    await writeFile(path.join(data, file), text.replace(',rock_mac_reader', '').replace(/^.* rock_mac_reader$/m, ''));
  }
  await owner.query('drop role rock_mac_reader');
  await owner.query('select pg_reload_conf()');
  await owner.end();
  const { code, stdout, stderr } = await shell.rockMac('sql', 'select session_user as who', '-o', 'json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual([{ who: 'rock_mac_reader' }]);
});

test('a second init changes nothing', async () => {
  const mac = await allocate('before');
  expect((await shell.rockMac('init')).code).toBe(0);
  expect(await heldMacs()).toContain(mac);
});

test('status shows whether it runs, stop stops it, and the next command starts it', async () => {
  const mac = await allocate('kept');
  expect((await shell.rockMac('ledger', 'status')).stdout).toMatch(/Server: +running as process \d+/);
  expect((await shell.rockMac('ledger', 'stop')).stdout).toBe('The ledger has stopped.\n');
  expect(await serverProcesses()).toEqual([]);
  expect((await shell.rockMac('ledger', 'stop')).stdout).toBe('The ledger was not running.\n');
  expect((await shell.rockMac('ledger', 'status')).stdout).toMatch(/not running; it starts with the next use/);
  expect(await heldMacs()).toContain(mac);
});

test('it survives a kill of its server, which leaves its lock files', async () => {
  const mac = await allocate('killed');
  process.kill(await serverPid(), 'SIGKILL');
  expect(await heldMacs()).toContain(mac);
});

test('it survives a reboot after which another program has the pid of its server', async () => {
  const mac = await allocate('rebooted');
  const dead = await serverPid();
  await killAll();
  // Postgres takes the other program for a server only if it belongs to the same user.
  const { uid, gid } = await stat(data);
  const otherProgram = spawn('sleep', ['60'], { uid, gid });
  try {
    const file = path.join(data, 'postmaster.pid');
    await writeFile(file, (await readFile(file, 'utf8')).replace(String(dead), String(otherProgram.pid)));
    const lock = path.join(path.dirname(data), 'run', '.s.PGSQL.5432.lock');
    await writeFile(lock, (await readFile(lock, 'utf8')).replace(String(dead), String(otherProgram.pid)));
    expect(await heldMacs()).toContain(mac);
    expect(otherProgram.exitCode).toBeNull();
  } finally {
    otherProgram.kill('SIGKILL');
  }
});

test('of several commands right after a boot, one starts it and each gets its own address', async () => {
  await shell.rockMac('ledger', 'stop');
  const macs = await Promise.all(Array.from({ length: 8 }, (_, index) => allocate(`shell-${String(index)}`)));
  expect(new Set(macs).size).toBe(8);
  expect(await heldMacs()).toEqual(expect.arrayContaining(macs));
});

test('a request key always gets the same address', async () => {
  const allocateWithKey = () => shell.rockMac('allocate', '--request-key', 'vm-7-eth0');
  const [first, second] = [await allocateWithKey(), await allocateWithKey()];
  expect(first.code).toBe(0);
  expect(second).toEqual(first);
});

test('sql can neither regain its rights nor reach files and programs', async () => {
  const touched = path.join(shell.home, 'touched');
  const copy = `copy (select 1) to program ''touch ${touched}''`;
  for (const statement of [
    `do $$ begin reset role; execute '${copy}'; end $$`,
    `select set_config('role', 'rock_mac', true), query_to_xml('select pg_reload_conf()', true, true, '')`,
    `select set_config('session_authorization', 'rock_mac', true)`,
    `select pg_read_file('/etc/passwd')`,
    `select pg_ls_dir('/')`,
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rock_mac'`,
  ]) {
    const { code, stdout, stderr } = await shell.rockMac('sql', statement);
    expect({ statement, code, stdout }).toEqual({ statement, code: 6, stdout: '' });
    expect(stderr).toMatch(/^Error: `rock-mac sql` only reads/);
  }
  expect((await shell.bash(`ls ${touched}`)).code).not.toBe(0);
  expect((await shell.rockMac('sql', 'select session_user', '-o', 'name')).stdout).toBe('rock_mac_reader\n');
});

test('a ledger under another prefix has the same pools and keeps the prefix', async () => {
  const other = await openShell();
  try {
    const { code, stderr } = await other.rockMac('init', '--prefix', 'A6-58-0F');
    expect(code).toBe(0);
    expect(stderr).toContain(
      'its ranges: production (a6:58:0f:00:00:01 to a6:58:0f:00:ff:ff), development (a6:58:0f:01',
    );
    expect((await other.rockMac('allocate')).stdout).toBe('Allocated MAC: a6:58:0f:01:00:00\n');
    expect((await other.rockMac('reserve')).stdout).toBe('Reserved MAC: a6:58:0f:ff:00:00\n');
    expect((await other.rockMac('check')).stdout).toBe('The ledger keeps every rule.\n');
    expect((await other.rockMac('init', '--prefix', 'a6:58:0f')).code).toBe(0);
    expect((await other.rockMac('init')).code).toBe(0);
    const moved = await other.rockMac('init', '--prefix', '02:00:00');
    expect(moved.code).toBe(4);
    expect(moved.stderr).toMatch(
      /has the prefix a6:58:0f and keeps it, because it has allocations or clusters\. Add another one with `rock-mac prefix add`/,
    );
    expect((await other.rockMac('allocate')).stdout).toBe('Allocated MAC: a6:58:0f:01:00:01\n');
  } finally {
    await other.rockMac('ledger', 'stop');
    await other.close();
  }
});

describe('a ledger for a part of a range', () => {
  test('has only that part, says so, and cannot be changed to another', async () => {
    const other = await openShell();
    try {
      const args = ['--pool', 'development', '--range', '01:40:00-01:40:01'];
      const { code, stderr } = await other.rockMac('init', ...args);
      expect(code).toBe(0);
      expect(stderr).toContain('its ranges: development (a4:58:0f:01:40:00 to a4:58:0f:01:40:01).');
      expect((await other.rockMac('allocate')).stdout).toBe('Allocated MAC: a4:58:0f:01:40:00\n');
      expect((await other.rockMac('allocate')).stdout).toBe('Allocated MAC: a4:58:0f:01:40:01\n');
      const full = await other.rockMac('allocate');
      expect(full.code).toBe(5);
      expect(full.stderr).toMatch(/^Error: Pool development has no free address/);
      expect((await other.rockMac('allocate', '-p', 'docker')).stderr).toMatch(/no pool "docker"/);
      expect((await other.rockMac('init', ...args)).code).toBe(0);
      const wider = await other.rockMac('init', '--pool', 'development', '--range', '01:40:00-01:4f:ff');
      expect(wider.code).toBe(4);
      expect(wider.stderr).toMatch(
        /already has a ledger, for a4:58:0f:01:40:00 to a4:58:0f:01:40:01 of pool development/,
      );
    } finally {
      await other.rockMac('ledger', 'stop');
      await other.close();
    }
  });
});

describe('an init that does not complete', () => {
  const OLD = `mac_dispenser:
  pools:
    dev: {range: 01:00:00-01:00:ff}
`;
  /** Returns the servers below a home. */
  const serversOf = async (home: string): Promise<string[]> => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
    return lines.filter((line) => line.includes('-D') && line.includes(home));
  };

  test('because it fails leaves no server, and the next one completes it', async () => {
    const other = await openShell();
    try {
      await writeFile(path.join(other.home, 'old.yaml'), OLD);
      const { code, stdout, stderr } = await other.rockMac('--config', 'old.yaml', 'init');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/Pool dev .* overlaps another pool/);
      expect(await serversOf(other.home)).toEqual([]);
      expect((await other.rockMac('ledger', 'status')).code).toBe(1);
      expect((await other.rockMac('init')).code).toBe(0);
      expect((await other.rockMac('allocate')).code).toBe(0);
    } finally {
      await other.rockMac('ledger', 'stop');
      await other.close();
    }
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('because of %s leaves no server', async (signal) => {
    const other = await openShell();
    try {
      const { code, stderr } = await other.bash(`
        rock-mac init & pid=$!
        until pgrep -f "[-]D $HOME/.rock/ledger/data" > /dev/null; do sleep 0.05; done
        kill -${signal} $pid; wait $pid`);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Interrupted: ') as string });
      expect(await serversOf(other.home)).toEqual([]);
    } finally {
      await other.rockMac('ledger', 'stop');
      await other.close();
    }
  });

  test('because it is killed leaves a server that `ledger stop` finds', async () => {
    const other = await openShell();
    try {
      await other.bash(`
        rock-mac init & pid=$!
        until pgrep -f "[-]D $HOME/.rock/ledger/data" > /dev/null; do sleep 0.05; done
        kill -KILL $pid; wait $pid`);
      await eventually(async () => {
        expect((await other.rockMac('ledger', 'stop')).stdout).toBe('The ledger has stopped.\n');
      });
      expect(await serversOf(other.home)).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

test('an interrupted init is completed by the next one', async () => {
  const other = await openShell();
  try {
    const ledger = path.join(other.home, '.rock', 'ledger');
    await mkdir(path.join(ledger, 'data.unfinished'), { recursive: true });
    await writeFile(path.join(ledger, 'data.unfinished', 'PG_VERSION'), '18\n');
    await other.bash('chmod 711 ~/.rock/ledger; chmod 755 ~/.rock');
    expect((await other.rockMac('allocate')).stderr).toMatch(/Run `rock-mac init`/);
    expect((await other.rockMac('init')).code).toBe(0);
    expect((await other.rockMac('allocate')).code).toBe(0);
  } finally {
    await other.rockMac('ledger', 'stop');
    await rm(other.home, { recursive: true, force: true });
  }
});

test('a link that somebody planted in place of its socket folder gets nobody another folder', async () => {
  // The path of the socket is too long for a folder below this home, so it is in the folder for temporary files.
  const home = path.join(shell.home, 'l'.repeat(90));
  const victim = path.join(shell.home, 'victim');
  await mkdir(path.join(home, '.rock'), { recursive: true });
  await mkdir(victim, { mode: 0o755 });
  const root = path.join(await realpath(home), '.rock', 'ledger');
  const short = createHash('sha256').update(root).digest('hex').slice(0, 12);
  const planted = path.join(tmpdir(), `rock-mac-${short}`);
  await symlink(victim, planted);
  const before = await stat(victim);
  try {
    const { code, stderr } = await shell.bash(`HOME=${home} rock-mac init`);
    expect(code).toBe(6);
    expect(stderr).toContain(`${planted} is to hold the socket of the embedded ledger, but it is a link`);
    const { uid, gid, mode } = await stat(victim);
    expect({ uid, gid, mode }).toEqual({ uid: before.uid, gid: before.gid, mode: before.mode });
    expect(await readdir(victim)).toEqual([]);
  } finally {
    await rm(planted);
  }
});
