import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { ledgerOfThisFile } from './ledger-fixture.ts';
import { openShell, type RockMacShell } from './rock-mac-shell.ts';

/* `--reason`: why a person made a change stays in the audit. */

const ledger = ledgerOfThisFile();
let shell: RockMacShell;

beforeAll(async () => {
  shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.current.url });
});

afterAll(async () => {
  await shell.close();
});

const entries = z.object({ items: z.array(z.object({ action: z.string(), reason: z.string() })) });

/** Returns the newest reason in the audit of an address. */
async function reasonOf(mac: string): Promise<string | undefined> {
  const { stdout } = await shell.rockMac('audit', mac, '-o', 'json');
  return entries.parse(JSON.parse(stdout)).items[0]?.reason;
}

test('the audit keeps the reason of each change', async () => {
  const { stdout } = await shell.rockMac('allocate', '-d', 'one', '--reason', 'ticket 4711', '-o', 'name');
  const mac = stdout.trim();
  expect(await reasonOf(mac)).toBe('ticket 4711');
  await shell.rockMac('transfer', mac, '--to', 'two', '--reason', 'one was replaced');
  expect(await reasonOf(mac)).toBe('one was replaced');
  await shell.rockMac('release', mac, '--reason', 'rack 7 is gone');
  expect(await reasonOf(mac)).toBe('rack 7 is gone');
  await shell.rockMac('reserve', '--mac', 'a4:58:0f:00:12:34', '--reason', 'für die Firewall');
  expect(await reasonOf('a4:58:0f:00:12:34')).toBe('für die Firewall');
  expect((await shell.rockMac('audit', mac, '-o', 'wide')).stdout).toContain('rack 7 is gone');
});

test('without a reason the audit says how the change was made', async () => {
  const { stdout } = await shell.rockMac('allocate', '-o', 'name');
  expect(await reasonOf(stdout.trim())).toBe('allocated with rock-mac');
});

test.each([[''], ['two\nlines'], ['x'.repeat(1_025)]])(
  'a reason that the audit cannot keep is refused: %j',
  async (text) => {
    expect(await shell.rockMac('allocate', '--reason', text)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('Give one line of at most 1024 bytes') as string,
    });
  },
);
