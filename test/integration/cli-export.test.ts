import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { allocate as allocateInLedger, requireValidRequest } from '../../ledger/address/allocate.ts';
import { eventually, sharedTestEnv } from '../env/testing.ts';
import { ledgerOfThisFile } from './ledger-fixture.ts';
import { shellOfThisFile } from './rock-mac-shell.ts';

/* Reservations of a ledger as files, once and kept current. test/e2e/dhcp-servers.test.ts gives such files to real servers. */

const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);

async function out(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await shell.rockMac(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

const allocate = async (...flags: readonly string[]) => (await out('allocate', ...flags, '-o', 'name')).trim();
const fileOf = (name: string) => path.join(shell.home, name);

describe('export', () => {
  let vm = '';
  let gateway = '';

  beforeAll(async () => {
    vm = await allocate('-p', 'vultr', '-d', 'vm', '--ip', '192.0.2.7,2001:DB8::7', '--hostname', 'VM');
    gateway = (await out('reserve', '-d', 'gw', '--ip', '192.0.2.1', '-o', 'name')).trim();
    await allocate('-p', 'vultr', '-d', 'nothing', '-m', '{"rack": "a7"}');
    const gone = await allocate('-p', 'vultr', '-d', 'gone', '--ip', '192.0.2.8');
    await out('release', gone);
  });

  test('prints what is held and has an IP address or a name, by address, and chooses by pool, state and type', async () => {
    const [head = '', ...lines] = (await out('export', '-f', 'dnsmasq')).trimEnd().split('\n');
    expect(head).toMatch(/^# Written by rock-mac/);
    expect(lines).toEqual([`${vm},192.0.2.7,[2001:db8::7],vm`, `${gateway},192.0.2.1`]);
    const chosen = async (...flags: readonly string[]) =>
      (await out('export', '-f', 'csv', ...flags))
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => line.slice(0, 17));
    expect(await chosen('-p', 'vultr')).toEqual([vm]);
    expect(await chosen('-p', 'vultr,reserved')).toEqual([vm, gateway]);
    expect(await chosen('-s', 'reserved')).toEqual([gateway]);
    expect(await chosen('-m', 'hostname=vm')).toEqual([vm]);
    expect(await chosen('--device-type', 'qemu-vm')).toEqual([vm]);
    expect(await chosen('--device-type', 'router')).toEqual([]);
  });

  test.skipIf(!existsSync('/usr/bin/virsh'))(
    'libvirt takes its elements into a network, at once and one by one (skipped without libvirt-clients)',
    async () => {
      const elements = await shell.bash('rock-mac export -f libvirt | grep "^<host"');
      const network = (hosts: string) =>
        `<network><name>lab</name><bridge name='virbr9'/><ip address='192.0.2.254' netmask='255.255.255.0'><dhcp>${hosts}</dhcp></ip></network>`;
      await writeFile(fileOf('full.xml'), network(elements.stdout));
      await writeFile(fileOf('empty.xml'), network("<range start='192.0.2.100' end='192.0.2.199'/>"));
      // The driver for tests forgets everything at the end of a call, so all commands are in one.
      const virsh = (...commands: readonly string[]) =>
        execFileSync('/usr/bin/virsh', ['-c', 'test:///default', commands.join('; ')], { encoding: 'utf8' });
      expect(virsh(`net-define --validate ${fileOf('full.xml')}`, 'net-dumpxml lab')).toContain(`mac='${gateway}'`);
      const updates = elements.stdout
        .trimEnd()
        .split('\n')
        .map((host) => `net-update lab add ip-dhcp-host "${host}"`);
      const updated = virsh(`net-define ${fileOf('empty.xml')}`, ...updates, 'net-dumpxml lab');
      expect(updated).toContain(`<host mac='${vm}' name='vm' ip='192.0.2.7'/>`);
      expect(updated).toContain(`<host mac='${gateway}' ip='192.0.2.1'/>`);
    },
  );

  test('shows both in `show` and `list`', async () => {
    expect(await out('show', vm)).toMatch(/IP Address: {3}192\.0\.2\.7, 2001:db8::7\nHostname: {5}vm\n/);
    expect(await out('list', '-p', 'vultr', '-o', 'wide')).toMatch(/192\.0\.2\.7,2001:db8::7 vm$/m);
    expect(await out('list', '-p', 'vultr', '-o', 'csv')).toMatch(/,"192\.0\.2\.7,2001:db8::7",vm$/m);
  });

  test.each<[string[], number, RegExp]>([
    [['-f', 'xml'], 2, /Allowed choices are dnsmasq, kea/],
    [[], 2, /required option .*--format/],
    [['-f', 'hosts', '--follow'], 2, /--follow is about a file\. Add --to FILE/],
    [['-f', 'hosts', '--reload', 'true'], 2, /--reload is about a file/],
    [['-f', 'hosts', '-s', 'released'], 1, /No device has an address that is released/],
    [['-f', 'hosts', '-p', 'vultur'], 1, /Did you mean vultr\?/],
    [['-f', 'hosts', '--to', '/dev/null'], 1, /\/dev\/null is not a file/],
    [['-f', 'hosts', '--to', '/absent/hosts'], 1, /\/absent\/.*ENOENT|\/absent/],
  ])('%j is refused', async (flags, code, message) => {
    const ended = await shell.rockMac('export', ...flags);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(message);
  });

  test.each<[string[], RegExp]>([
    [['--ip', '192.0.2.700'], /The ip "192\.0\.2\.700" is not valid\. Give up to 16/],
    [['--hostname', 'a b'], /The hostname "a b" is not valid\. Give letters/],
    [['-m', '{"ip": "::1"}'], /The ip "::1" is not valid/],
  ])('allocate %j is refused, and allocates nothing', async (flags, message) => {
    const ended = await shell.rockMac('allocate', '-d', 'wrong', ...flags);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(await out('list', '-d', 'wrong', '-o', 'name')).toBe('');
  });

  test('a program that asks the ledger itself is refused too', () => {
    const request = { key: 'device:x', pool: 'vultr', state: 'active', requester: 'me', actor: 'me' } as const;
    expect(() => {
      requireValidRequest({ ...request, metadata: { ip: '192.0.2.7\n10.0.0.1' } });
    }).toThrow(/The allocation request was refused: metadata The ip "192\.0\.2\.7\\n10\.0\.0\.1" is not valid/);
  });

  test('writes a file only if it changes, and reloads only then', async () => {
    const file = fileOf('hosts');
    const reload = `echo reloaded >> '${fileOf('reloads')}'`;
    const first = await shell.rockMac('export', '-f', 'hosts', '--to', file, '--reload', reload);
    expect(first).toEqual({
      code: 0,
      stdout: '',
      stderr: `Note: 1 address is not in the file: hosts needs an IP address and a host name.\n${file} was written.\n`,
    });
    expect(await readFile(file, 'utf8')).toMatch(/\n192\.0\.2\.7 vm\n2001:db8::7 vm\n$/);
    const second = await shell.rockMac('export', '-f', 'hosts', '--to', file, '--reload', reload);
    expect(second.stderr).toContain(`${file} is up to date already.`);
    expect(await readFile(fileOf('reloads'), 'utf8')).toBe('reloaded\n');
    const failed = await shell.rockMac('export', '-f', 'csv', '--to', file, '--reload', 'exit 3');
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toMatch(/The file was written, but the reload failed \(exit code 3\)\. Run it again: exit 3/);
  });

  test('leaves out stored values that are not valid, and IP addresses of others, and says so', async () => {
    const old = await allocate('-p', 'docker', '-d', 'old', '--hostname', 'old');
    const double = await allocate('-p', 'docker', '-d', 'double', '--ip', '192.0.2.7');
    await ledger.current.sql(
      `update rock_mac.addresses set metadata = '{"ip": "10.0.0.1\\nevil", "hostname": "old"}' where rock_mac.to_mac(addr) = $1`,
      [old],
    );
    const { code, stdout, stderr } = await shell.rockMac('export', '-f', 'dnsmasq');
    expect(code).toBe(0);
    expect(stdout).toContain(`\n${old},old\n`);
    expect(stdout).not.toMatch(/evil|192\.0\.2\.7,.*192\.0\.2\.7/);
    expect(stderr).toContain(`Note: ${double} has the IP address 192.0.2.7 of ${vm}, so it was left out.\n`);
    expect(stderr).toContain(`Note: ${old} has the ip "10.0.0.1\\nevil", which is not valid, so it was left out.\n`);
    await out('release', old);
    await out('release', double);
  });
});

describe('export --follow', () => {
  /** Starts it, and waits for its first write. */
  async function follow(name: string, ...flags: readonly string[]) {
    const file = fileOf(name);
    const args = ['export', '-f', 'csv', '-p', 'experiment', '--to', file, '--follow', ...flags];
    const child = spawn(path.join(shell.home, 'bin', 'rock-mac'), args, {
      env: { ...process.env, HOME: shell.home, ROCK_MAC_LEDGER_URL: ledger.current.url },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    const rows = async () => (await readFile(file, 'utf8')).trimEnd().split('\n').slice(1);
    await eventually(rows);
    return { child, rows, said: () => said };
  }

  test('shows an allocation and a release within seconds, and ends with Ctrl-C', async () => {
    const { child, rows } = await follow('followed');
    expect(await rows()).toEqual([]);
    for (let round = 0; round < 2; round++) {
      const mac = await allocate('-p', 'experiment', '-d', 'followed', '--hostname', 'followed');
      const allocated = performance.now();
      await eventually(async () => {
        expect((await rows()).map((row) => row.slice(0, 17))).toEqual([mac]);
      });
      expect(performance.now() - allocated).toBeLessThan(5_000);
      await out('release', mac);
      const released = performance.now();
      await eventually(async () => {
        expect(await rows()).toEqual([]);
      });
      expect(performance.now() - released).toBeLessThan(5_000);
    }
    const ended = once(child, 'close');
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
  });

  test('makes few reloads for ten thousand changes, and the last one has all of them', async () => {
    const count = 10_000;
    const log = fileOf('burst-reloads');
    await writeFile(log, '');
    const { rows } = await follow('burst', '--reload', `echo x >> '${log}'`);
    for (let from = 0; from < count; from += 500) {
      const requests = Array.from({ length: 500 }, (_, index) => ({
        ...{ key: `device:burst-${String(from + index)}`, pool: 'experiment', state: 'active' as const },
        ...{ requester: 'test', actor: 'test', device: { id: 'burst' } },
        metadata: { hostname: `burst-${String(from + index)}` },
      }));
      await allocateInLedger(ledger.current.db, 'experiment', requests, { leaseSeconds: 60 });
    }
    await eventually(
      async () => {
        expect((await rows()).length).toBe(count);
      },
      { within: 30_000 },
    );
    expect((await readFile(log, 'utf8')).trim().split('\n').length).toBeLessThanOrEqual(12);
    await out('release', 'burst');
  });

  test('keeps its file while the ledger is away, says so once, and goes on afterwards', async () => {
    const mac = await allocate('-p', 'experiment', '-d', 'before', '--hostname', 'before');
    const { child, rows, said } = await follow('outage');
    await eventually(async () => {
      expect((await rows()).length).toBe(1);
    });
    const database = new URL(ledger.current.url).pathname.slice(1);
    const admin = new Client({ connectionString: sharedTestEnv().postgresUrl });
    await admin.connect();
    onTestFinished(() => admin.end());
    await admin.query(`alter database "${database}" allow_connections false`);
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [database]);
    await eventually(() => {
      expect(said()).toMatch(/outage stays as it is, and is updated when this works\./);
    });
    expect((await rows()).map((row) => row.slice(0, 17))).toEqual([mac]);
    await admin.query(`alter database "${database}" allow_connections true`);
    await eventually(() => {
      expect(said()).toMatch(/outage is up to date again\./);
    });
    const next = await allocate('-p', 'experiment', '-d', 'after', '--hostname', 'after');
    await eventually(async () => {
      expect((await rows()).map((row) => row.slice(0, 17))).toEqual([mac, next]);
    });
    expect(said().match(/stays as it is/g)?.length).toBe(1);
    expect(child.exitCode).toBeNull();
  });
});
