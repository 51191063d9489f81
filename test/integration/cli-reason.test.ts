import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  aPodRequest,
  findingsExceptClock,
  freshLedger,
  joinCluster,
  ledgerOfThisFile,
  takeAddress,
} from './ledger-fixture.ts';
import { writePredecessorFile } from './predecessor-file.ts';
import { openShell, shellOfThisFile } from './rock-mac-shell.ts';

/* `--reason`: why a person made a change stays in the audit. */

const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);

const entries = z.object({
  items: z.array(
    z.object({
      action: z.string(),
      reason: z.string(),
      actor: z.string(),
      pool: z.string(),
      owner: z.string().optional(),
      details: z.record(z.string(), z.unknown()),
    }),
  ),
});

/** Runs a command, and returns what the newest entry of the audit says about it. */
async function audited(...args: readonly string[]) {
  const { code, stderr } = await shell.rockMac(...args);
  expect({ args, code, stderr }).toMatchObject({ code: 0 });
  const { stdout } = await shell.rockMac('audit', '--limit', '1', '-o', 'json');
  return entries.parse(JSON.parse(stdout)).items[0];
}

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

test('a renewal is in the audit if somebody says why', async () => {
  const { stdout } = await shell.rockMac('allocate', '-d', 'renewed', '-o', 'name');
  const mac = stdout.trim();
  expect(await audited('renew', 'renewed', '--reason', 'the test takes longer')).toMatchObject({
    action: 'renew',
    reason: 'the test takes longer',
    details: { expiresAt: expect.any(String) as string },
  });
  expect((await shell.rockMac('show', mac)).stdout).toMatch(/^Reason: +the test takes longer$/m);
  expect(await audited('renew', 'renewed')).toMatchObject({ reason: 'the test takes longer' });
  const { stdout: all } = await shell.rockMac('audit', mac, '--action', 'renew', '-o', 'name');
  expect(all.trim().split('\n')).toHaveLength(1);
});

test('every change of a pool is in the audit, with what it was before', async () => {
  const why = ['--reason', 'more racks'];
  const range = { first: 'a4:58:0f:10:00:00', last: 'a4:58:0f:10:00:01' };
  expect(await audited('pool', 'add', 'lab', '--first', range.first, '--size', '2', ...why)).toMatchObject({
    action: 'pool-add',
    pool: 'lab',
    owner: 'Pool/lab',
    reason: 'more racks',
    details: { ...range, paused: false, reuseDelaySeconds: 3_600 },
  });
  expect(await audited('pool', 'grow', 'lab', '--last', 'a4:58:0f:10:00:0f', ...why)).toMatchObject({
    action: 'pool-grow',
    details: { last: 'a4:58:0f:10:00:0f', before: { last: range.last } },
  });
  expect(await audited('pool', 'pause', 'lab')).toMatchObject({ action: 'pool-pause', reason: '' });
  expect(await audited('pool', 'resume', 'lab', ...why)).toMatchObject({ action: 'pool-resume', reason: 'more racks' });
  expect(await audited('pool', 'resume', 'lab', '--reason', 'again')).toMatchObject({ reason: 'more racks' });
  expect(await audited('pool', 'delete', 'lab', ...why)).toMatchObject({ action: 'pool-remove', pool: 'lab' });
  const { stdout } = await shell.rockMac('audit', '-p', 'lab', '-o', 'wide');
  expect(stdout).toMatch(/pool-grow .*more racks +Pool\/lab$/m);
});

test('changes of prefixes and of clusters are in the audit', async () => {
  const why = ['--reason', 'from the old site'];
  expect(await audited('prefix', 'add', '02', '--note', 'old', ...why)).toMatchObject({
    action: 'prefix-add',
    owner: 'Prefix/02',
    reason: 'from the old site',
    details: { prefix: '02', kind: 'local', note: 'old' },
  });
  expect(await audited('prefix', 'add', '02', '--note', 'new', ...why)).toMatchObject({ action: 'prefix-change' });
  expect(await audited('prefix', 'remove', '02', ...why)).toMatchObject({ action: 'prefix-remove' });
  await joinCluster(ledger.current.db, 'c1');
  await takeAddress(ledger.current, aPodRequest('lost'));
  expect(await audited('cluster', 'retire', 'c1', '--reason', 'it burned down')).toMatchObject({
    action: 'orphan',
    reason: 'it burned down',
  });
  const { stdout } = await shell.rockMac('audit', '--action', 'cluster-retire', '-o', 'json');
  expect(entries.parse(JSON.parse(stdout)).items).toMatchObject([{ owner: 'Cluster/c1', reason: 'it burned down' }]);
});

test.each([
  ['the file of the predecessor', []],
  ['a file of another program', ['-f', 'csv']],
])('the import of %s is in the audit with its reason', async (what, flags) => {
  const isCsv = flags.length > 0;
  const mac = isCsv ? 'a4:58:0f:02:12:00' : 'a4:58:0f:02:12:01';
  const file = path.join(shell.home, isCsv ? 'hosts.csv' : 'mac-dispenser.db');
  if (isCsv) await writeFile(file, `mac,device\n${mac},old-1\n`);
  else await writePredecessorFile(file, [{ mac, pool: 'experiment', device: 'old-2' }]);
  expect(await audited('import', ...flags, file, '--reason', `moved from ${what}`)).toMatchObject({
    action: 'import',
    reason: `moved from ${what}`,
  });
});

test('what init defines is in the audit with its reason, and a reason that no entry would have is refused', async () => {
  const other = await freshLedger();
  const machine = await openShell({ ROCK_MAC_LEDGER_URL: other.url });
  try {
    const refused = await machine.rockMac('init', '--reason', 'a new site');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('Leave --reason out') as string });
    const file = path.join(machine.home, '.rock', 'mac-dispenser.db');
    await writePredecessorFile(file, [{ mac: '02:00:00:02:12:01', pool: 'experiment' }]);
    const { code, stderr } = await machine.rockMac('init', '--prefix', '02', '--import', '--reason', 'a new site');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const { stdout } = await machine.rockMac('audit', '--limit', '1000', '-o', 'json');
    const { items } = entries.parse(JSON.parse(stdout));
    expect(new Set(items.map(({ action }) => action))).toEqual(
      new Set(['import', 'pool-add', 'pool-remove', 'prefix-add', 'prefix-remove']),
    );
    expect(new Set(items.map(({ reason }) => reason))).toEqual(new Set(['a new site']));
  } finally {
    await machine.close();
    await other.close();
  }
});

test('the audit of a ledger with such changes is sound, and a backup of it can be restored', async () => {
  expect(await findingsExceptClock(ledger.current.db)).toEqual([]);
  const other = await freshLedger();
  const target = await openShell({ ROCK_MAC_LEDGER_URL: other.url });
  try {
    await target.rockMac('pool', 'add', 'early', '--first', 'a4:58:0f:30:00:00', '--size', '2');
    await target.rockMac('pool', 'delete', 'early');
    expect(await shell.rockMac('backup', `${shell.home}/all.backup`)).toMatchObject({ code: 0 });
    expect(await target.rockMac('restore', `${shell.home}/all.backup`)).toMatchObject({ code: 0 });
    expect(await findingsExceptClock(other.db)).toEqual([]);
    const { stdout } = await target.rockMac('audit', '--action', 'pool-grow', '-o', 'json');
    expect(entries.parse(JSON.parse(stdout)).items).toMatchObject([{ pool: 'lab' }]);
  } finally {
    await target.close();
    await other.close();
  }
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
