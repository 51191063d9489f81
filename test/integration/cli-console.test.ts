import { stripVTControlCharacters } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createLedgerConsoleData } from '../../cli/ledger-mode/console-data.ts';
import { release } from '../../ledger/address/release.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { mac } from '../../mac/mac-address.ts';
import { aPodRequest, aRequest, joinCluster, ledgerOfThisFile, takeAddress } from './ledger-fixture.ts';
import { shellOfThisFile } from './rock-mac-shell.ts';

const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);

beforeAll(async () => {
  const { current } = ledger;
  await joinCluster(current.db, 'c1');
  await takeAddress(
    current,
    aRequest({ key: 'box', pool: 'docker', device: { id: 'box-1' }, metadata: { rack: 'A7' } }),
  );
  const gone = await takeAddress(current, aRequest({ key: 'gone', pool: 'docker', device: { id: 'box-2' } }));
  await release(current.db, [gone], { actor: 'test', reason: 'test' });
  for (const name of ['web-0', 'web-1']) await takeAddress(current, aPodRequest(name));
  const pod = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'stray', uid: 'u', nic: 'eth0' };
  await observe(current.db, [{ mac: mac('a4:58:0f:04:00:00'), object: pod, limited: false }], 'test');
});

async function out(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await shell.rockMac(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

test('list --search finds held addresses of all pools and states', async () => {
  expect(await out('list', '--search', 'web', '-o', 'name')).toBe('a4:58:0f:05:00:00\na4:58:0f:05:00:01\n');
  expect(await out('list', '--search', 'a7')).toMatch(/a4:58:0f:04:00:00 +docker +box-1 +active/);
  expect(await out('list', '--search', '0f04', '-o', 'name')).toBe('a4:58:0f:04:00:00\na4:58:0f:04:00:01\n');
  expect(await out('list', '--search', 'nobody')).toBe('No allocations found\n');
  const { stderr, code } = await shell.rockMac('list', '--search', 'web', '--limit', '1', '-o', 'name');
  expect({ stderr, code }).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^Only the first 1 are shown/) as string,
  });
  const conflict = await shell.rockMac('list', '--search', 'web', '--pool', 'docker');
  expect(conflict).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot be used with') as string });
  expect(await shell.rockMac('list', '--search', '')).toMatchObject({ code: 1 });
});

test('map draws the used addresses of a pool', async () => {
  expect(await out('map', 'docker')).toBe(
    `a4:58:0f:04:00:00  Aw${'.'.repeat(62)}\n\n. never used, w waiting for reuse, A active\n`,
  );
  const map = z.object({ first: z.string(), count: z.int(), states: z.string() });
  const { states, ...range } = map.parse(
    JSON.parse(await out('map', 'A4-58-0F-05-00-00', '--count', '3', '-o', 'json')),
  );
  expect(range).toEqual({ first: 'a4:58:0f:05:00:00', count: 3 });
  expect([...Buffer.from(states, 'base64')]).toEqual([3, 3, 0]);
  expect(await shell.rockMac('map', 'dokcer')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('docker') as string,
  });
});

test('stats --since shows what was handed out and released, also without an operator', async () => {
  expect(await out('stats', '--since', '1h')).toMatch(/\ndocker +2 +1 +1 +1\n/);
  const usage = z.object({
    items: z.array(z.object({ pool: z.string(), history: z.array(z.looseObject({ held: z.int() })) })),
  });
  const { items } = usage.parse(JSON.parse(await out('stats', '--since', '1h', '-o', 'json')));
  expect(items.find(({ pool }) => pool === 'kubernetes')?.history.at(-1)).toMatchObject({
    held: 2,
    handedOut: 2,
    released: 0,
  });
});

test('cluster list counts addresses, and ledger status names the seals', async () => {
  expect(await out('cluster', 'list')).toMatch(/^Name +.* Addresses +Orphaned\nc1 .* 2 +0\n$/);
  expect(await out('ledger', 'status')).toMatch(
    /\nPostgres: +\d+.*\n[^]*\nAudit: +seal 1 of .*, 0 row\(s\) not sealed yet\n/,
  );
});

test('top prints one table in a pipe', async () => {
  const lines = (await out('top', '--once')).split('\n');
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d UTC: 3 of 458751 addresses held, 0\.0 handed out\/s, 0\.0 released\/s$/);
  expect(lines).toContainEqual(expect.stringMatching(/^docker +1 +65534 +1 +0\.0 +0\.0 +░+ 0\.0%$/));
  expect(await out('top')).toMatch(/^docker +1 +65534/m);
});

test('top fills the screen of a terminal until q, then leaves it', async () => {
  const { code, stdout } = await shell.bash(
    `(sleep 3; printf q) | script -qec 'stty cols 80 rows 24; rock-mac top --interval 1' /dev/null`,
  );
  expect(code).toBe(0);
  const [, screen = '', rest] = stdout.split('\x1b[?1049h');
  expect(screen).toMatch(/addresses held[^]*docker/);
  expect(screen).toContain('\x1b[?1049l');
  expect(rest).toBeUndefined();
  expect(screen.split('\x1b[H\x1b[J').length).toBeGreaterThan(2);
  expect(linesOf(stdout).filter((line) => line.length > 80)).toEqual([]);
});

/** Returns what a terminal shows, without colours. */
function linesOf(stdout: string): string[] {
  return stripVTControlCharacters(stdout).split(/\r?\n/);
}

test('stats fits a terminal of 80 columns', async () => {
  const { stdout } = await shell.bash(`script -qec 'stty cols 80; rock-mac stats' /dev/null`);
  const lines = linesOf(stdout);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines).toContainEqual(expect.stringMatching(/^docker +Docker cont.* █?░+ 0\.0%$/));
});

test('the console reads an address with its next event, its neighbours and what conflicts', async () => {
  const data = createLedgerConsoleData(ledger.current.db, { place: 'here', now: () => new Date() });
  expect(await data.about()).toMatchObject({ mode: 'ledger', missing: [] });
  expect(await data.address(mac('a4:58:0f:04:00:00'))).toMatchObject({
    mac: 'a4:58:0f:04:00:00',
    state: 'active',
    device: { id: 'box-1' },
    attributes: { rack: 'A7' },
    conflicts: ['Pod team/stray (eth0) uses the address of box-1.'],
  });
  expect(await data.address(mac('a4:58:0f:04:00:01'))).toMatchObject({
    state: 'released',
    nextAt: expect.any(String) as string,
  });
  expect(await data.address(mac('a4:58:0f:04:77:77'))).toBeUndefined();
  const neighbours = await data.neighbours(mac('a4:58:0f:04:00:01'));
  expect(neighbours).toHaveLength(10);
  expect(neighbours.slice(0, 3)).toEqual([
    { mac: 'a4:58:0f:04:00:00', state: 'active', holder: 'box-1' },
    { mac: 'a4:58:0f:04:00:01', state: 'waiting', holder: 'box-2' },
    { mac: 'a4:58:0f:04:00:02', state: 'neverUsed', holder: '' },
  ]);
  expect(await data.search('web', 10)).toMatchObject([
    { mac: 'a4:58:0f:05:00:00', found: 'owner', value: 'web-0', holder: 'Pod team/web-0', cluster: 'c1' },
    { found: 'owner', value: 'web-1' },
  ]);
  expect((await data.pools()).find(({ pool }) => pool === 'docker')).toMatchObject({
    cursor: 'a4:58:0f:04:00:02',
    waiting: 1,
    reuseDelaySeconds: 3_600,
  });
  expect(await data.history('docker', 1)).toMatchObject([{ held: 1, handedOut: 2, released: 1 }]);
  expect(await data.clusters()).toMatchObject([{ clusterId: 'c1', addresses: 2, observed: 1 }]);
  const seals = { seq: 1, unsealed: 0, forks: 0 };
  expect(await data.ledgerState()).toMatchObject({ epoch: 1, mode: 'open', waitsFor: [], seals });
});

test('the console waits for the next entry of the audit', async () => {
  const data = createLedgerConsoleData(ledger.current.db, { place: 'here', now: () => new Date() });
  const { entries } = await data.audit({ limit: 1 });
  const afterId = Number(entries[0]?.metadata.name);
  const following = data.audit({ afterId, limit: 10 });
  await takeAddress(ledger.current, aRequest({ key: 'next', pool: 'vultr', device: { id: 'next' } }));
  expect((await following).entries).toMatchObject([{ action: 'allocate', deviceId: 'next' }]);
  const ended = new AbortController();
  const nothing = data.audit({ afterId: afterId + 1, limit: 10 }, ended.signal);
  ended.abort();
  expect(await nothing).toEqual({ entries: [], isCut: false, reached: afterId + 1 });
});
