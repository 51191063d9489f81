import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../env/testing.ts';
import { findingsExceptClock, freshLedger, type TestLedger } from '../integration/ledger-fixture.ts';
import { openShell, type RockMacShell } from '../integration/rock-mac-shell.ts';

/* A large estate: 100,000 machines in one table. Their import is bounded in time, and goes on where it was interrupted. */

const COUNT = 100_000;
const POOLS = ['development', 'experiment'];

let ledger: TestLedger;
let shell: RockMacShell;
let file: string;

beforeEach(async () => {
  ledger = await freshLedger();
  shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.url });
  file = path.join(shell.home, 'hosts.csv');
  await writeFile(
    file,
    ['mac,device,type,ip,rack', ...Array.from({ length: COUNT }, (_, index) => rowOf(index))].join('\n'),
  );
});

afterEach(async () => {
  await shell.close();
  await ledger.close();
});

/** Returns a row, of the first pool for the first 65,536 and of the next one for the others. */
function rowOf(index: number): string {
  const hex = (index % 65_536).toString(16).padStart(4, '0');
  const third = (1 + Math.floor(index / 65_536)).toString(16).padStart(2, '0');
  const ip = `10.${String(index >> 16)}.${String((index >> 8) & 255)}.${String(index & 255)}`;
  return `a4:58:0f:${third}:${hex.slice(0, 2)}:${hex.slice(2)},vm-${String(index)},kvm,${ip},rack-${String(index % 40)}`;
}

async function countHeld(): Promise<number> {
  const rows = z.array(z.object({ count: z.int() }));
  const [row] = rows.parse(
    await ledger.sql(`select count(*)::int as count from rock_mac.addresses where state = 'active'`),
  );
  return row?.count ?? 0;
}

test('100,000 rows are imported within a minute, and a second import changes nothing', async () => {
  const started = performance.now();
  const { code, stdout, stderr } = await shell.rockMac('import', '-f', 'csv', file);
  const seconds = (performance.now() - started) / 1_000;
  process.stdout.write(`imported ${String(COUNT)} rows in ${seconds.toFixed(1)} s\n`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('Imported 100,000 addresses of 1 file\n');
  expect(await countHeld()).toBe(COUNT);
  expect(seconds).toBeLessThan(60);
  const again = await shell.rockMac('import', '-f', 'csv', file);
  expect(again).toMatchObject({ code: 0, stdout: 'Imported 0 addresses of 1 file\nUnchanged: 100,000\n' });
  expect(await findingsExceptClock(ledger.db)).toEqual([]);
});

test('an import that is interrupted or killed goes on with the same command', async () => {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const before = await countHeld();
    const child = spawn(path.join(shell.home, 'bin', 'rock-mac'), ['import', '-f', 'csv', file], {
      env: { ...process.env, HOME: shell.home, ROCK_MAC_LEDGER_URL: ledger.url },
    });
    const ended = once(child, 'close');
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // It compares all rows first.
    await eventually(
      async () => {
        expect(await countHeld()).toBeGreaterThan(before + 2_000);
      },
      { within: 120_000, every: 20 },
    );
    child.kill(signal);
    await ended;
    const held = await countHeld();
    expect(held).toBeLessThan(COUNT);
    // Whole batches only.
    expect(held % 500).toBe(0);
    if (signal === 'SIGINT') {
      expect(stderr).toBe(
        `${String(held)} of ${String(COUNT)} addresses were written. The same command goes on with the others.\n` +
          'Error: Interrupted. Run the same command again to go on.\n',
      );
    }
  }
  const { code, stdout } = await shell.rockMac('import', '-f', 'csv', file);
  expect({ code, total: stdout.includes('Unchanged: ') }).toEqual({ code: 0, total: true });
  expect(await countHeld()).toBe(COUNT);
  expect(POOLS.every((pool) => stdout.includes(`  ${pool}: `))).toBe(true);
  expect(await findingsExceptClock(ledger.db)).toEqual([]);
});
