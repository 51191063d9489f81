import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShell, type RockMacShell } from '../integration/rock-mac-shell.ts';

/* Many concurrent commands on one embedded ledger, killed at any moment: the ledger holds every printed address (I1, I2). */

let shell: RockMacShell;

beforeAll(async () => {
  shell = await openShell();
  expect((await shell.rockMac('init')).code).toBe(0);
});

afterAll(async () => {
  expect((await shell.rockMac('check')).stdout).toBe('The ledger keeps every rule.\n');
  await shell.rockMac('ledger', 'stop');
  await shell.close();
});

async function holders(): Promise<Map<string, string>> {
  const { stdout } = await shell.rockMac(
    'sql',
    'select mac_address::text, device_id from active_allocations',
    '-o',
    'json',
  );
  const rows = JSON.parse(stdout) as { mac_address: string; device_id: string }[];
  return new Map(rows.map((row) => [row.mac_address, row.device_id]));
}

const printed = (stdout: string) => /^Allocated MAC: (\S+)$/m.exec(stdout)?.[1];

/** Runs `allocate` for a device and kills it after some time. Returns the address that it had printed. */
async function allocateAndKill(device: string, afterMs: number): Promise<string | undefined> {
  const child = spawn(path.join(shell.home, 'bin', 'rock-mac'), ['allocate', '-d', device], {
    env: { ...process.env, HOME: shell.home },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  await ended;
  clearTimeout(timer);
  return printed(stdout);
}

test('50 concurrent commands, on a ledger that is not running, get 50 different addresses', async () => {
  await shell.rockMac('ledger', 'stop');
  const ended = await Promise.all(
    Array.from({ length: 50 }, (_, index) => shell.rockMac('allocate', '-d', `shell-${String(index)}`)),
  );
  expect(ended.filter(({ code }) => code !== 0)).toEqual([]);
  const macs = ended.map(({ stdout }) => printed(stdout));
  expect(new Set(macs).size).toBe(50);
  const held = await holders();
  expect(macs.map((mac) => held.get(mac ?? ''))).toEqual(macs.map((_, index) => `shell-${String(index)}`));
});

test('the ledger holds every address that a killed command has printed', async () => {
  const started = Date.now();
  expect((await shell.rockMac('allocate')).code).toBe(0);
  const fullMs = Date.now() - started;
  const rounds = 40;
  const seen: [string, string][] = [];
  for (let round = 0; round < rounds; round++) {
    const device = `killed-${String(round)}`;
    const mac = await allocateAndKill(device, (fullMs * (round + 0.5)) / (rounds * 0.8));
    if (mac !== undefined) seen.push([mac, device]);
  }
  expect(seen.length).toBeLessThan(rounds); // some were killed before they printed
  const held = await holders();
  for (const [mac, device] of seen) expect(held.get(mac)).toBe(device);
});

test('no address is printed twice or lost while the server is killed repeatedly', async () => {
  const pidFile = path.join(shell.home, '.rock', 'ledger', 'data', 'postmaster.pid');
  let stopped = false;
  const callers: Promise<[string | undefined, string][]>[] = [0, 1, 2].map(async (caller) => {
    const got: [string | undefined, string][] = [];
    for (let turn = 0; !stopped; turn++) {
      const device = `caller-${String(caller)}-${String(turn)}`;
      const { stdout } = await shell.rockMac('allocate', '-d', device);
      got.push([printed(stdout), device]);
    }
    return got;
  });
  for (let kills = 0; kills < 6; kills++) {
    await sleep(700 + 370 * kills);
    const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
    if (!Number.isNaN(pid)) killIfThere(pid);
  }
  stopped = true;
  const all = (await Promise.all(callers)).flat();
  const got = all.filter(([mac]) => mac !== undefined);
  expect(got.length).toBeGreaterThan(0);
  expect(new Set(got.map(([mac]) => mac)).size).toBe(got.length);
  const held = await holders();
  for (const [mac = '', device] of got) expect(held.get(mac)).toBe(device);
});

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
