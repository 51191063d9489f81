import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../env/run/eventually.ts';
import { ledgerOfThisFile } from '../integration/ledger-fixture.ts';
import { openShell, type RockMacShell } from '../integration/rock-mac-shell.ts';
import { makeNetworkNamespace, type NetworkNamespace } from './network-namespace.ts';

/*
 * Real DHCP servers read what `export --follow` writes, and a real client asks them. One network namespace has the servers, another
 * one the client, and a pair of interfaces joins them. No other network has a part in it.
 */

const why = missing();

function missing(): string {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const absent = ['ip', 'unshare', 'nsenter', 'dnsmasq', 'kea-dhcp4', 'udhcpc'].filter(
    (program) => !isInstalled(program),
  );
  return absent.length === 0
    ? ''
    : `${absent.join(', ')} missing; Debian: iproute2 dnsmasq-base kea-dhcp4-server udhcpc`;
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

/** The time in which a reservation must be given, from the end of `allocate` to the lease at the client. */
const WITHIN_MS = 5_000;

describe.skipIf(why !== '')(`a DHCP server${why === '' ? '' : ` (skipped: ${why})`}`, () => {
  const ledger = ledgerOfThisFile();
  let shell: RockMacShell;
  let folder: string;
  let server: NetworkNamespace;
  let client: NetworkNamespace;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.current.url });
    folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-dhcp-'));
    [server, client] = await Promise.all([makeNetworkNamespace(), makeNetworkNamespace()]);
    const [, pid = ''] = /^\/proc\/(\d+)\//.exec(client.path) ?? [];
    await server.run('ip', ['link', 'add', 'rm-server', 'type', 'veth', 'peer', 'name', 'rm-client', 'netns', pid]);
    await server.run('ip', ['address', 'add', '192.0.2.1/24', 'dev', 'rm-server']);
    await server.run('ip', ['link', 'set', 'rm-server', 'up']);
    // A client that only prints what it was given.
    await writeFile(path.join(folder, 'lease'), '#!/bin/sh\n[ "$1" = bound ] && echo "$ip $hostname"\nexit 0\n', {
      mode: 0o755,
    });
  });

  afterEach(async () => {
    await Promise.all(
      running.splice(0).map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGTERM');
        await once(child, 'close');
      }),
    );
  });

  afterAll(async () => {
    await Promise.all([server.remove(), client.remove()]);
    await rm(folder, { recursive: true });
    await shell.close();
  });

  /** Starts a program that runs until the end of the test, and returns its output so far. */
  function start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): () => string {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    child.once('close', (code, signal) => {
      output += `\n${program} ended: ${String(code)} ${String(signal)}`;
    });
    return () => output;
  }

  function inServer(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): () => string {
    return start('nsenter', [`--net=${server.path}`, program, ...args], env);
  }

  async function startFollowing(format: string, file: string, reload: string): Promise<() => string> {
    const output = start(
      path.join(shell.home, 'bin', 'rock-mac'),
      ['export', '-f', format, '--to', file, '--follow', '--reload', reload],
      { HOME: shell.home, ROCK_MAC_LEDGER_URL: ledger.current.url },
    );
    await eventually(() => readFile(file, 'utf8'));
    return output;
  }

  async function allocate(...flags: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await shell.rockMac('allocate', ...flags, '-o', 'name');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trim();
  }

  /** Returns the lease of a device with this MAC address: its IP address and its name. */
  async function askForLease(mac: string): Promise<string> {
    await client.run('ip', ['link', 'set', 'rm-client', 'down']);
    await client.run('ip', ['link', 'set', 'rm-client', 'address', mac]);
    await client.run('ip', ['link', 'set', 'rm-client', 'up']);
    const args = ['-i', 'rm-client', '-f', '-q', '-n', '-t', '4', '-T', '1', '-O', 'hostname'];
    const output = await client.run('udhcpc', [...args, '-s', path.join(folder, 'lease')]);
    return output.trim().split('\n').at(-1) ?? '';
  }

  /** Repeats the request until the right lease comes, and returns after how many milliseconds. */
  async function waitForLease(mac: string, isExpected: (lease: string) => boolean): Promise<number> {
    const started = performance.now();
    await eventually(
      async () => {
        const lease = await askForLease(mac);
        if (!isExpected(lease)) throw new Error(`the lease is ${lease}`);
      },
      { within: 4 * WITHIN_MS },
    );
    return performance.now() - started;
  }

  const DYNAMIC = /^192\.0\.2\.1\d\d\b/;

  /** Goes through the life of a reservation with a server that runs already. */
  async function checkLife(ip: string, hostname: string): Promise<void> {
    const mac = await allocate('--ip', ip, '--hostname', hostname, '-d', hostname);
    expect(await waitForLease(mac, (lease) => lease === `${ip} ${hostname}`)).toBeLessThan(WITHIN_MS);

    const other = await allocate('-d', 'without');
    expect(await askForLease(other)).toMatch(DYNAMIC);

    expect(await shell.rockMac('release', mac)).toMatchObject({ code: 0 });
    expect(await waitForLease(mac, (lease) => DYNAMIC.test(lease))).toBeLessThan(WITHIN_MS);

    const next = await allocate('--ip', ip, '--hostname', hostname, '-d', `${hostname}-again`);
    expect(next).not.toBe(mac);
    expect(await waitForLease(next, (lease) => lease === `${ip} ${hostname}`)).toBeLessThan(WITHIN_MS);
  }

  test('dnsmasq gives a reserved address within five seconds of the allocation, and not after the release', async () => {
    const file = path.join(folder, 'dnsmasq.hosts');
    const pidFile = path.join(folder, 'dnsmasq.pid');
    const following = await startFollowing('dnsmasq', file, `kill -HUP "$(cat '${pidFile}')"`);
    const log = inServer('dnsmasq', [
      ...['--keep-in-foreground', '--conf-file=/dev/null', '--log-facility=-', '--log-dhcp', '--user=root'],
      ...['--port=0', '--interface=rm-server', '--bind-interfaces', '--no-ping', '--dhcp-authoritative'],
      ...[`--pid-file=${pidFile}`, `--dhcp-leasefile=${path.join(folder, 'dnsmasq.leases')}`],
      ...[`--dhcp-hostsfile=${file}`, '--dhcp-range=192.0.2.100,192.0.2.199,255.255.255.0,120s'],
    ]);
    await eventually(() => readFile(pidFile, 'utf8'));
    try {
      await checkLife('192.0.2.10', 'dns-1');
    } catch (error) {
      throw new Error(`${following()}\n${log()}`, { cause: error });
    }
  });

  test('Kea does the same', async () => {
    const file = path.join(folder, 'kea-reservations.json');
    const config = path.join(folder, 'kea.json');
    const pidFile = path.join(folder, 'kea.kea-dhcp4.pid');
    const following = await startFollowing('kea', file, `kill -HUP "$(cat '${pidFile}')"`);
    await writeFile(
      config,
      `{ "Dhcp4": {
        "interfaces-config": { "interfaces": [ "rm-server" ], "dhcp-socket-type": "raw" },
        "lease-database": { "type": "memfile", "persist": false },
        "valid-lifetime": 120,
        "reservations-global": true,
        "reservations": <?include "${file}"?>,
        "subnet4": [ { "subnet": "192.0.2.0/24", "pools": [ { "pool": "192.0.2.100 - 192.0.2.199" } ] } ],
        "loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": "stdout" } ] } ]
      } }`,
    );
    const env = { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: 'none' };
    const log = inServer('kea-dhcp4', ['-c', config], env);
    try {
      await eventually(() => readFile(pidFile, 'utf8'));
      await checkLife('192.0.2.11', 'kea-1');
    } catch (error) {
      throw new Error(`${following()}\n${log()}`, { cause: error });
    }
  });
});
