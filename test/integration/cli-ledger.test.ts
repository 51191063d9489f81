import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { allocate } from '../../ledger/address/allocate.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { registerCluster } from '../../ledger/state/clusters.ts';
import { markReported, recover } from '../../ledger/state/recovery.ts';
import { checkStock, fillStock } from '../../ledger/stock/stock.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { freshDatabase } from '../env/testing.ts';
import {
  aRequest,
  freshLedger,
  joinCluster,
  LEASE_SECONDS,
  ledgerOfThisFile,
  readingUrl,
  takeAddress,
} from './ledger-fixture.ts';
import { loginsOfThisFile } from './ledger-logins.ts';
import { openShell, shellOfThisFile } from './rock-mac-shell.ts';

/* What the predecessor did not have: filters, pages, renewals, the audit, and the life cycle of a ledger. */

const createLogin = loginsOfThisFile();
const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);

async function out(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await shell.rockMac(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

const listed = z.object({
  items: z.array(z.object({ mac: z.string(), pool: z.string() })),
  next: z.string().optional(),
});
const list = async (...args: readonly string[]) => listed.parse(JSON.parse(await out('list', '-o', 'json', ...args)));
/** Runs a command whose list is cut, which stderr says. Returns stdout. */
async function cut(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await shell.rockMac(...args);
  expect({ args, code, stderr }).toEqual({
    args,
    code: 0,
    stderr: expect.stringMatching(/^Only the .* shown: /) as string,
  });
  return stdout;
}
const watched = z.object({ mac: z.string(), state: z.string() });
const names = async (...args: readonly string[]) => (await out(...args, '-o', 'name')).trim().split('\n');

/** Starts a command that keeps running. `stdout` returns the complete lines so far. */
function start(...args: readonly string[]) {
  const PATH = `${shell.home}/bin:${process.env['PATH'] ?? ''}`;
  const child = spawn('rock-mac', args, { env: { ...process.env, ROCK_MAC_LEDGER_URL: ledger.current.url, PATH } });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { stdout: () => text.split('\n').slice(0, -1), kill: () => child.kill() };
}

describe('a dry run', () => {
  const isListed = async (mac: string) => (await names('list', '-s', 'all', '-p', 'kubernetes')).includes(mac);

  test('names the address on stderr and allocates none', async () => {
    for (const line of [
      ['allocate'],
      ['reserve', '-d', 'x'],
      ['allocate', '--request-key', 'tried', '--dry-run=client'],
    ]) {
      const { code, stdout, stderr } = await shell.rockMac(...line, '-p', 'kubernetes', '--dry-run');
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(stderr).toBe(`Would ${line[0] ?? ''} a4:58:0f:05:00:00 of pool kubernetes (dry run).\n`);
    }
    expect(await isListed('a4:58:0f:05:00:00')).toBe(false);
    expect(await out('audit', '-p', 'kubernetes', '-o', 'name')).toBe('');
  });

  test('is refused like the command itself', async () => {
    expect(await shell.rockMac('allocate', '-p', 'kubernets', '--dry-run')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Did you mean kubernetes?') as string,
    });
  });

  test('says how many addresses would be released, and which would be kept', async () => {
    const mac = (await out('allocate', '-p', 'kubernetes', '-d', 'tried', '-o', 'name')).trim();
    await out('reserve', '-p', 'kubernetes', '-d', 'tried');
    const { code, stdout, stderr } = await shell.rockMac('release', 'tried', '--dry-run');
    expect({ code, stdout }).toEqual({ code: 4, stdout: 'Would release 1 MAC address(es)\n' });
    expect(stderr).toMatch(/is reserved, so it was not released/);
    expect(await out('release', 'tried', '--dry-run', '--force')).toBe('Would release 2 MAC address(es)\n');
    expect((await names('list', '-d', 'tried', '-s', 'all')).length).toBe(2);
    expect(await isListed(mac)).toBe(true);
    const renewed = await shell.rockMac('renew', mac, '--dry-run');
    expect(renewed).toMatchObject({
      code: 0,
      stdout: '',
      stderr: `Would renew ${mac} of pool kubernetes (dry run).\n`,
    });
    expect((await shell.rockMac('renew', 'nobody', '--dry-run')).code).toBe(3);
    await out('release', 'tried', '--force');
  });
});

describe('transfer', () => {
  test('hands an address over to another device in one change, and repeats it without one', async () => {
    const mac = (await out('allocate', '-p', 'kubernetes', '-d', 'first', '-m', '{"rack": "a7"}', '-o', 'name')).trim();
    const dry = await shell.rockMac('transfer', mac, '--to', 'second', '--dry-run');
    expect(dry.stderr).toBe(`Would hand over ${mac} of pool kubernetes (dry run).\n`);
    expect(await names('list', '-d', 'first')).toEqual([mac]);
    for (let n = 0; n < 2; n++) {
      expect(await out('transfer', mac, '--to', 'second')).toBe(`Transferred MAC: ${mac} to second\n`);
    }
    expect(await out('show', mac)).toMatch(/second[^]*Metadata: +\{"rack":"a7"\}/);
    expect(await names('list', '-d', 'second')).toEqual([mac]);
    expect(await out('list', '-d', 'first', '-o', 'name')).toBe('');
    const history = z
      .object({ items: z.array(z.object({ action: z.string(), reason: z.string() })) })
      .parse(JSON.parse(await out('audit', mac, '-o', 'json')));
    expect(history.items).toMatchObject([
      { action: 'transfer', reason: 'handed over by first' },
      { action: 'allocate' },
    ]);
    await out('release', 'second');
  });

  test('keeps a reservation', async () => {
    const mac = (await out('reserve', '-p', 'kubernetes', '-d', 'kept', '-o', 'name')).trim();
    await out('transfer', mac, '--to', 'kept-2', '--type', 'router');
    expect(await names('list', '-d', 'kept-2', '-s', 'reserved')).toEqual([mac]);
    expect(await out('show', mac)).toContain('router');
    await out('release', '--force', 'kept-2');
  });

  test('of an address that nobody holds, or without a device, is refused', async () => {
    const free = await shell.rockMac('transfer', 'a4:58:0f:05:77:77', '--to', 'x');
    expect(free).toMatchObject({ code: 3, stdout: '' });
    expect(free.stderr).toMatch(/^Error: Nobody holds a4:58:0f:05:77:77, so there is nothing to hand over\./);
    expect((await shell.rockMac('transfer', 'a4:58:0f:05:77:77')).code).toBe(2);
    expect(await shell.rockMac('transfer', 'a4:58:0f:05:77:77', '--to', '')).toMatchObject({ code: 2 });
  });
});

test('reserve takes a released address inside its reuse delay only with --override-delay', async () => {
  const mac = (await out('allocate', '-p', 'kubernetes', '-d', 'last', '-o', 'name')).trim();
  await out('release', mac);
  const refused = await shell.rockMac('reserve', '-m', mac, '-d', 'next');
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('--override-delay') as string });
  expect(await out('reserve', '-m', mac, '-d', 'next', '--override-delay')).toBe(`Reserved MAC: ${mac}\n`);
  expect(await out('audit', mac, '-o', 'json')).toContain('reuse delay overridden');
  expect((await shell.rockMac('reserve', '-d', 'next', '--override-delay')).code).toBe(1);
  await out('release', '--force', mac);
});

describe('list', () => {
  beforeAll(async () => {
    for (const device of ['vm-b', 'vm-a', 'vm-c']) await out('allocate', '-p', 'vultr', '-d', device);
  });

  test('sorts, and pages do not overlap', async () => {
    const all = await names('list', '-p', 'vultr', '--sort-by', 'mac');
    expect(all).toEqual(all.toSorted());
    const first = listed.parse(
      JSON.parse(await cut('list', '-o', 'json', '-p', 'vultr', '--sort-by', 'device', '-l', '2')),
    );
    const second = await list('-p', 'vultr', '--sort-by', 'device', '-l', '2', '--after', first.next ?? 'missing');
    expect(second.next).toBeUndefined();
    const [a, b, c] = [...first.items, ...second.items].map(({ mac }) => mac);
    expect([b, a, c]).toEqual(all); // vm-b was allocated before vm-a
  });

  test('takes several pools', async () => {
    const [docker = ''] = await names('allocate', '-p', 'docker', '-d', 'one-of-two');
    const found = (await list('-p', 'docker, vultr', '--sort-by', 'mac')).items;
    expect(new Set(found.map(({ pool }) => pool))).toEqual(new Set(['docker', 'vultr']));
    for (const order of ['newest', 'mac', 'pool', 'device']) {
      expect(await names('list', '-p', 'docker,vultr', '--sort-by', order)).toHaveLength(found.length);
    }
    await out('release', docker);
  });

  test('says on stderr that it is cut, in every format, and has no upper limit', async () => {
    for (const format of ['table', 'json', 'name']) await cut('list', '-p', 'vultr', '-l', '2', '-o', format);
    expect((await list('-p', 'vultr', '-l', '1000000')).items).toHaveLength(3);
    await cut('audit', '-p', 'vultr', '-l', '2');
    expect((await names('audit', '-p', 'vultr', '-l', '1000000')).length).toBeGreaterThan(2);
  });

  test('finds a device by the name that it shows, whatever a script added around it', async () => {
    const { stdout } = await shell.bash(`NAME=$'host\\r'; rock-mac allocate -d "$NAME" -o name`);
    expect((await list('-d', 'host')).items.map(({ mac }) => mac)).toEqual([stdout.trim()]);
    expect((await shell.bash(`NAME=$'host\\r'; rock-mac list -o name -d "$NAME"`)).stdout).toBe(stdout);
    expect((await shell.bash(`NAME=$'host\\r'; rock-mac release "$NAME"`)).stdout).toBe('Released 1 MAC address(es)\n');
  });

  test('filters by device, by time and by several states', async () => {
    expect((await list('-d', 'vm-a')).items).toHaveLength(1);
    expect((await list('-p', 'vultr', '--since', '10m')).items).toHaveLength(3);
    expect((await list('-p', 'vultr', '--since', '2999-01-01')).items).toEqual([]);
    await out('reserve', '-p', 'vultr');
    expect((await list('-p', 'vultr', '-s', 'active,reserved')).items).toHaveLength(4);
    expect((await list('-p', 'vultr', '-s', 'all', '--owner', 'Pod/shop/web-1')).items).toEqual([]);
  });

  test.each([
    ['list --watch', 'watched'],
    ['watch', 'watched too'],
  ])('%s prints the current addresses, then allocations and releases of the same device', async (line, device) => {
    const [existing = ''] = await names('allocate', '-p', 'docker', '-d', device);
    const child = start(...line.split(' '), '-p', 'docker', '-d', device, '-o', 'json');
    try {
      const states = () => child.stdout().map((line) => watched.parse(JSON.parse(line)));
      const seen = (wanted: readonly [string, string][]) =>
        eventually(
          () => {
            expect(states().map(({ mac, state }) => [mac, state])).toEqual(wanted);
          },
          { within: 30_000 },
        );
      await seen([[existing, 'active']]);
      await out('allocate', '-p', 'docker', '-d', 'another');
      const [added = ''] = await names('allocate', '-p', 'docker', '-d', device);
      await seen([
        [existing, 'active'],
        [added, 'active'],
      ]);
      await out('release', existing);
      await seen([
        [existing, 'active'],
        [added, 'active'],
        [existing, 'released'],
      ]);
    } finally {
      child.kill();
    }
  });
});

test.each(['list --watch', 'audit --follow'])(
  '%s prints a change whose transaction was open when it began, and each change once',
  async (line) => {
    const { db } = ledger.current;
    const request = (name: string, pool: string) => {
      const id = `${name} of ${line}`;
      return aRequest({ key: id, pool, device: { id } });
    };
    let child: ReturnType<typeof start> | undefined;
    onTestFinished(() => void child?.kill());
    const linesOf = (name: string) => child?.stdout().filter((each) => each.includes(`"${name} of ${line}"`)) ?? [];
    const isPrinted = (name: string) =>
      eventually(
        () => {
          expect(linesOf(name)).toHaveLength(1);
        },
        { within: 30_000 },
      );
    await db.transaction(async (slow) => {
      await allocate(slow, 'development', [request('late', 'development')], { leaseSeconds: LEASE_SECONDS });
      await takeAddress(ledger.current, request('quick', 'vultr'));
      child = start(...line.split(' '), '-o', 'json');
      await isPrinted('quick');
    });
    await isPrinted('late');
    await takeAddress(ledger.current, request('last', 'vultr'));
    await isPrinted('last');
    expect(linesOf('quick')).toHaveLength(1);
  },
);

test('a device name with newlines and escapes does not look like a second row', async () => {
  const name = 'x\na4:58:0f:00:00:99    production   gateway\x1b[2J';
  // The command line refuses such a name. Claims and imported files can have one.
  const taken = await takeAddress(ledger.current, aRequest({ key: 'odd', pool: 'production', device: { id: name } }));
  const { mac } = z.object({ mac: z.string() }).parse(taken);
  const listed = (await out('list', '-p', 'production')).split('\n');
  expect(listed.filter((line) => line.startsWith('a4:'))).toHaveLength(1);
  for (const text of [listed.join(''), await out('show', mac), await out('audit', mac)]) {
    expect(text).toContain('x\\x0aa4:58:0f:00:00:99    production   gateway\\x1b[2J');
  }
  expect(await out('release', mac)).toBe('Released 1 MAC address(es)\n');
});

test('show prints the requester, the next event and the history, as text and as JSON', async () => {
  const [mac = ''] = await names('allocate', '-d', 'shown', '-m', '{"rack": "a7"}');
  const text = await out('show', 'shown');
  expect(text).toContain(`MAC Address:  ${mac}\n`);
  expect(text).toContain('Metadata:     {"rack":"a7"}\n');
  expect(text).toMatch(/Next: {9}expires in 6d23h, at .*, unless it is renewed\n/);
  expect(text).toMatch(new RegExp(`History, newest first:\n.* allocate ${mac} `));
  const [item] = z
    .object({ items: z.array(z.object({ mac: z.string(), history: z.array(z.object({ action: z.string() })) })) })
    .parse(JSON.parse(await out('show', mac.replaceAll(':', ''), '-o', 'json'))).items;
  expect(item).toEqual({ mac, history: [{ action: 'allocate' }] });
  await out('release', mac);
  expect(await out('show', mac)).toMatch(/Next: {9}another owner may get it in 23h59m, at/);
});

test('renew moves the expiry by the period of the pool, or by a given one', async () => {
  const [mac = ''] = await names('allocate', '-p', 'docker', '-d', 'renewed', '--expires-after', '5m');
  expect(await out('renew', 'renewed')).toMatch(new RegExp(`^Renewed MAC: ${mac} until \\d{4}-`));
  expect(await out('renew', mac, '--for', '48h')).toMatch(/^Renewed MAC: /);
  const [row] = await ledger.current.sql(
    `select round(extract(epoch from expires_at - clock_timestamp()) / 3600)::int as hours from rock_mac.allocations where mac_address = $1`,
    [mac],
  );
  expect(row).toEqual({ hours: 48 });
  const [production = ''] = await names('allocate', '-p', 'production', '-d', 'for-good');
  expect(await out('renew', 'for-good')).toBe(`${production} never expires\n`);
});

test('release shows the state after the release', async () => {
  const [mac = ''] = await names('allocate', '-d', 'let-go');
  const { items } = z
    .object({ items: z.array(z.object({ mac: z.string(), state: z.string(), releasedAt: z.iso.datetime() })) })
    .parse(JSON.parse(await out('release', 'let-go', '-o', 'json')));
  expect(items).toEqual([{ mac, state: 'released', releasedAt: expect.any(String) as string }]);
});

describe('audit', () => {
  test('filters by address, device, action, user and time', async () => {
    const [mac = ''] = await names('allocate', '-d', 'audited');
    await out('release', mac);
    const actions = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .slice(2)
        .map((line) => line.split(/ +/)[2]);
    expect(actions(await out('audit', mac))).toEqual(['release', 'allocate']);
    expect(actions(await out('audit', 'audited', '--action', 'allocate', '--since', '10m'))).toEqual(['allocate']);
    expect(actions(await out('audit', mac, '--actor', 'somebody else'))).toEqual([]);
  });

  test('--follow prints every new change once and in order', async () => {
    const child = start('audit', '-p', 'experiment', '--follow', '-o', 'json');
    try {
      const macs: string[] = [];
      for (const device of ['one', 'two']) macs.push(...(await names('allocate', '-p', 'experiment', '-d', device)));
      await eventually(
        () => {
          expect(child.stdout().map((line) => z.object({ mac: z.string() }).parse(JSON.parse(line)).mac)).toEqual(macs);
        },
        { within: 30_000 },
      );
    } finally {
      child.kill();
    }
  });
});

test('release never releases addresses of a cluster, even with --force, until the cluster is retired', async () => {
  const { db, sql } = ledger.current;
  await registerCluster(db, { clusterId: 'uid-of-staging', name: 'staging' }, 'test');
  await sql(`update rock_mac.clusters set adopted_at = clock_timestamp()`);
  await sql(
    `select rock_mac.allocate('kubernetes', '[{"ord": 0, "key": "claim/x/y", "state": "active", "cluster": "uid-of-staging",
       "kind": "MacAllocation", "namespace": "shop", "name": "web", "uid": "y", "nic": "claim", "device": "web-1",
       "requester": "ada", "actor": "test"}]', '1 minute')`,
  );
  for (const args of [['web-1'], ['--force', 'web-1']]) {
    const { code, stderr } = await shell.rockMac('release', ...args);
    expect(code).toBe(4);
    expect(stderr).toMatch(/held by MacAllocation shop\/web in a cluster.*Delete the MacAllocation there/);
  }
  const renewed = await shell.rockMac('renew', 'web-1');
  expect(renewed).toMatchObject({ code: 4, stdout: '' });
  expect(renewed.stderr).toMatch(
    /held by MacAllocation shop\/web in a cluster, so it was not renewed\. Renew it there/,
  );
  expect(await out('list', '--owner', 'shop/web')).toContain('web-1');
  for (const name of ['shop/web', 'MacAllocation/shop/web']) {
    expect(await out('show', name, '-o', 'name')).toMatch(/^a4:58:0f:05:00:\S+\n$/);
    expect(await out('audit', name, '--action', 'allocate')).toContain(' MacAllocation/shop/web/claim\n');
    for (const verb of ['release', 'renew']) {
      expect((await shell.rockMac(verb, name)).stderr).toMatch(/is held by MacAllocation shop\/web in a cluster/);
    }
  }
  await sql(
    `select rock_mac.allocate('kubernetes', '[{"ord": 0, "key": "sticky/uid-of-staging/shop/Pod/web-0/eth0", "state": "active",
       "cluster": "uid-of-staging", "kind": "Pod", "namespace": "shop", "name": "web-0", "nic": "eth0", "requester": "ada", "actor": "test"}]',
       '1 minute')`,
  );
  expect((await shell.rockMac('release', 'shop/web-0')).stderr).toMatch(
    /stays with Pod shop\/web-0 in a cluster.*Delete its sticky MacAllocation there: that releases the address, or leaves it to a Pod that uses it/s,
  );
  expect(await out('release', 'shop/nothing')).toBe('No active allocations found for: shop/nothing\n');
  expect(await out('show', 'web-1')).toMatch(/Held By: +MacAllocation shop\/web, claim in cluster staging\n/);
  expect(await out('audit', 'web-1')).toContain(' MacAllocation/shop/web/claim\n');
  expect(await out('list', '-d', 'web-1', '-o', 'wide')).toContain(' MacAllocation/shop/web/claim ');
  expect(await out('cluster', 'list')).toMatch(/^staging +uid-of-staging /m);
  expect(await out('cluster', 'retire', 'staging')).toMatch(/^Retired: cluster staging .*2 address\(es\) are orphaned/);
  expect((await shell.rockMac('release', 'web-1')).stderr).toMatch(/is orphaned.*--force/);
  expect(await out('release', '-f', 'web-1')).toBe('Released 1 MAC address(es)\n');
});

describe('cleanup', () => {
  test('releases expired addresses after the given days, and only a limited number without approval', async () => {
    const other = await freshLedger();
    const shellOfOther = await openShell({ ROCK_MAC_LEDGER_URL: other.url });
    try {
      await other.sql(
        `select rock_mac.allocate('docker', (select jsonb_agg(jsonb_build_object('ord', g, 'key', 'device/' || g, 'ttl', 3600,
           'state', 'active', 'requester', 't', 'actor', 't')) from generate_series(0, 50) g), '1 minute')`,
      );
      await other.advance(86_400 * 3);
      const cleanup = (...args: readonly string[]) => shellOfOther.rockMac('cleanup', ...args);
      const held = await cleanup();
      expect(held).toMatchObject({ code: 4, stdout: 'Released 0 expired allocation(s)\n' });
      expect(held.stderr).toMatch(/51 of 51 in docker.*add --approve/);
      expect((await cleanup('--approve', '-d', '3')).stdout).toBe('Released 0 expired allocation(s)\n');
      expect((await cleanup('--approve', '-d', '2', '--dry-run')).stdout).toBe(
        'Would release 51 expired allocation(s)\n',
      );
      await other.sql(`update rock_mac.ledger_state set timeline = 'before'`);
      const closed = await cleanup('--approve', '-d', '2');
      expect(closed).toMatchObject({ code: 7, stdout: '' });
      expect(closed.stderr).toMatch(/Nothing expires while the ledger is closed.*rock-mac recover/);
      await other.sql(`update rock_mac.ledger_state set timeline = rock_mac.current_timeline()`);
      expect((await cleanup('--approve', '-d', '2')).stdout).toBe('Released 51 expired allocation(s)\n');
      const [row] = await other.sql(
        `select count(*)::int as rows, count(mac_address)::int as macs from rock_mac.audit_log where action = 'release'`,
      );
      expect(row).toEqual({ rows: 51, macs: 51 });
    } finally {
      await shellOfOther.close();
      await other.close();
    }
  });
});

test('a backup is restored into an empty ledger, which opens after approval', async () => {
  const [mac = ''] = await names('allocate', '-d', 'backed-up');
  expect(await out('backup', '--dry-run', 'all.backup')).toMatch(
    /^Would write \d+ address\(es\), .* to all\.backup\n$/,
  );
  expect(await out('backup', 'all.backup')).toMatch(/^Wrote \d+ address\(es\)/);
  const other = await freshLedger();
  const onOther = async (...args: readonly string[]) => shell.rockMac(...args, '--ledger', other.url);
  try {
    expect((await onOther('restore', 'all.backup', '--dry-run')).stdout).toMatch(/^Would restore \d+ address\(es\)/);
    expect((await onOther('list', '-s', 'all')).stdout).toBe('No allocations found\n');
    const restored = await onOther('restore', 'all.backup');
    expect(restored.code).toBe(0);
    expect(restored.stdout).toMatch(/^Restored \d+ .*\nThe ledger is recovering .*rock-mac recover --approve/);
    expect(restored.stderr).toContain('A backup from before the restore is in');
    expect((await onOther('show', mac)).stdout).toContain('Device ID:    backed-up');
    const closed = await onOther('allocate');
    expect(closed.code).toBe(7);
    expect(closed.stderr).toMatch(/allocates no addresses now.*recover --approve/);
    expect((await onOther('recover')).stdout).toMatch(/waits for an admin/);
    expect((await onOther('recover', '--approve')).stdout).toMatch(/^The ledger is open \(epoch 2\)\.\n$/);
    expect((await onOther('allocate')).code).toBe(0);
    expect((await onOther('check')).stdout).toBe('The ledger keeps every rule.\n');
    // The ledger is in use now, so the restore is refused before it writes a backup.
    const refused = await onOther('restore', 'all.backup');
    expect(refused).toMatchObject({ code: 4, stderr: expect.not.stringContaining('A backup from') as string });
  } finally {
    await other.close();
  }
});

test('check prints broken rules with their rows, and fails', async () => {
  const other = await freshLedger();
  try {
    await other.sql('alter table rock_mac.audit_log disable trigger all');
    const { code, stdout, stderr } = await shell.rockMac('check', '--ledger', other.url);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^Broken: guards-in-place \(1 row\(s\)\)\n.*\n {2}\{.*"trigger audit_log\.audit_append_only"/,
    );
    expect(stderr).toMatch(/^Error: 1 rule\(s\) of the ledger are broken\./);
  } finally {
    await other.close();
  }
});

test('check seals the audit, prints the last seal, and fails if a later ledger lacks it', async () => {
  const other = await freshLedger();
  try {
    const onOther = (...args: string[]) => shell.rockMac(...args, '--ledger', other.url);
    expect((await onOther('allocate', '--pool', 'development')).code).toBe(0);
    const wide = await onOther('check', '-o', 'wide');
    const anchor = /^The ledger keeps every rule\.\nLast seal: (1:1:[0-9a-f]{64})\n$/.exec(wide.stdout)?.[1] ?? '';
    const present = await onOther('check', '--anchor', anchor);
    expect(present).toMatchObject({
      code: 0,
      stdout: 'Anchor: Seal 1 of epoch 1 is in the ledger.\nThe ledger keeps every rule.\n',
    });
    const rewritten = await onOther('check', '--anchor', anchor.replace(/.{8}$/, 'ffffffff'));
    expect(rewritten.code).toBe(1);
    expect(rewritten.stdout).toBe(
      'Broken: Seal 1 of epoch 1 has another hash in the ledger, and no recovery explains it: seals were removed or rewritten.\n',
    );
    expect((await onOther('check', '--anchor', 'nothing')).stderr).toContain('EPOCH:SEAL:HASH');
  } finally {
    await other.close();
  }
});

test('import imports the file of the predecessor once, after a dry run and a backup', async () => {
  const file = path.join(shell.home, 'mac-dispenser.db');
  const old = new DatabaseSync(file);
  old.exec(`create table mac_allocations (id integer primary key, mac_address text unique, pool text, device_id text, device_type text,
      metadata text, allocated_at text, released_at text, last_seen text, status text);
    insert into mac_allocations values
      (1, 'a4:58:0f:02:12:00', 'experiment', 'old-1', 'qemu-vm', '{}', '2024-01-02 03:04:05', null, null, 'active'),
      (2, 'a4:58:0f:02:12:01', 'experiment', '', 'qemu-vm', '{}', '2024-01-02 03:04:05', '2024-02-02 03:04:05', null, 'released');`);
  old.close();
  const first = await shell.rockMac('import', file, '--dry-run');
  expect(first.stdout).toMatch(/^Would import 2 address\(es\): 1 active, 0 reserved, 1 released, 0 orphaned\n/);
  expect(await out('show', 'a4:58:0f:02:12:00')).toMatch(/^MAC address not found/);
  const second = await shell.rockMac('import', file);
  expect(second.code).toBe(0);
  expect(second.stdout).toMatch(/^Imported 2 address\(es\): 1 active/);
  expect(second.stdout).toMatch(/^ {2}experiment: 1 active, released after 1d unless they are renewed$/m);
  expect(second.stderr).toContain('A backup from before the import is in');
  expect(await out('show', 'old-1')).toContain('MAC Address:  a4:58:0f:02:12:00\n');
  expect((await shell.rockMac('import', file)).stdout).toMatch(/^Imported 0 address\(es\)/);
});

test('prefix adds, lists and removes prefixes', async () => {
  const other = await freshLedger();
  const prefix = async (...args: readonly string[]) => shell.rockMac('prefix', ...args, '--ledger', other.url);
  try {
    expect((await prefix('add', '02', '--note', "kubemacpool's range")).stdout).toBe('Added: prefix 02\n');
    expect((await prefix('add', '02')).stdout).toBe('Unchanged: the ledger has the prefix 02\n');
    expect((await prefix('add', '8C-1F-64-12-3', '--kind', 'vendor')).stdout).toBe('Added: prefix 8c:1f:64:12:3\n');
    expect((await prefix('list')).stdout).toBe(
      `Prefix          Kind     Note
02              local    kubemacpool's range
8c:1f:64:12:3   vendor
a4:58:0f        ieee
`,
    );
    expect((await prefix('list', '-o', 'name')).stdout).toBe('02\n8c:1f:64:12:3\na4:58:0f\n');
    expect((await prefix('list', '-o', 'wide')).stdout).toMatch(/^Prefix +Kind +Note +Added +Added By\n02 /);
    expect((await prefix('list', '-o', 'csv')).stdout).toMatch(/^prefix,kind,note,addedAt,addedBy\n02,local,/);
    expect(JSON.parse((await prefix('list', '-o', 'json')).stdout)).toMatchObject({
      kind: 'PrefixList',
      items: [{ prefix: '02' }, { kind: 'vendor' }, { note: '' }],
    });
    for (const [args, code, stderr] of [
      [['add', '02:00'], 4, /The prefix 02:00 overlaps 02, which the ledger has already/],
      [['add', '03'], 2, /multicast/],
      [['add', '04', '--kind', 'mine'], 2, /Allowed choices are ieee, local, vendor/],
      [['remove', 'a4:58:0f'], 4, /The pool production lies under the prefix a4:58:0f/],
      [['remove', '06'], 3, /The ledger has no prefix 06\. Its prefixes are 02, 8c:1f:64:12:3, a4:58:0f/],
    ] as const) {
      const result = await prefix(...args);
      expect({ args, code: result.code }).toEqual({ args, code });
      expect(result.stderr).toMatch(stderr);
    }
    expect((await shell.rockMac('__complete', '--ledger', other.url, 'prefix', 'remove', '8')).stdout).toContain(
      '8c:1f:64:12:3',
    );
    expect((await prefix('remove', '02')).stdout).toBe('Removed: prefix 02\n');
  } finally {
    await other.close();
  }
});

test('migrate gives a new ledger the prefixes of the installation, and adds to an existing one what it lacks', async () => {
  const database = await freshDatabase();
  const migrated = async (prefixes: string) => {
    const machine = await openShell({ ROCK_MAC_PREFIXES: prefixes });
    try {
      return await machine.rockMac('migrate', '--no-backup', '--ledger', database.url);
    } finally {
      await machine.close();
    }
  };
  const listed = async () => (await shell.rockMac('prefix', 'list', '-o', 'name', '--ledger', database.url)).stdout;
  try {
    expect((await migrated('06:00 A6-58-0F')).code).toBe(0);
    expect(await listed()).toBe('06:00\na6:58:0f\n');
    const stats = await shell.rockMac('stats', '-o', 'json', '--ledger', database.url);
    expect(stats.stdout).toContain('"a6:58:0f:05:00:00"');
    const { code, stderr } = await migrated('a6:58:0f,8c:1f:64:12:3');
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'Added: prefix 8c:1f:64:12:3\n' });
    expect(await listed()).toBe('06:00\n8c:1f:64:12:3\na6:58:0f\n');
    const overlapping = await migrated('06:00:01');
    expect(overlapping).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/The prefix 06:00:01 overlaps 06:00/) as string,
    });
    expect(await listed()).toBe('06:00\n8c:1f:64:12:3\na6:58:0f\n');
  } finally {
    await database.remove();
  }
});

test.each([
  ['nobody has used yet gets only the prefixes of the installation', false, 'a4:58:0f:05\n', ''],
  ['is in use keeps its prefix', true, 'a4:58:0f\n', 'The prefix a4:58:0f:05 overlaps a4:58:0f'],
])('migrate goes on if a prefix overlaps the default one: a ledger that %s', async (_, isInUse, prefixes, notice) => {
  const other = await freshLedger();
  const machine = await openShell({ ROCK_MAC_PREFIXES: 'a4:58:0f:05' });
  try {
    if (isInUse) expect((await shell.rockMac('allocate', '--ledger', other.url)).code).toBe(0);
    const { code, stderr } = await machine.rockMac('migrate', '--no-backup', '--ledger', other.url);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(notice) as string });
    expect((await shell.rockMac('prefix', 'list', '-o', 'name', '--ledger', other.url)).stdout).toBe(prefixes);
  } finally {
    await machine.close();
    await other.close();
  }
});

test('migrate with the login of a cluster goes on without a prefix that it may not add', async () => {
  const other = await freshLedger();
  const login = await createLogin(other.url, 'rock_mac_app');
  const machine = await openShell({ ROCK_MAC_PREFIXES: '02' });
  try {
    const { code, stderr } = await machine.rockMac('migrate', '--no-backup', '--ledger', login.url);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/this login may not add it/) as string });
  } finally {
    await machine.close();
    await other.close();
  }
});

describe('the prefix of a ledger', () => {
  test.each([
    ['with a range that is under none of them', ['--pool', 'lab', '--range', 'a4:58:0f:01:00:00-a4:58:0f:01:00:ff']],
    ['that overlap', ['--prefix', '02:00']],
  ])('is kept with its pools if it cannot be replaced: by prefixes %s', async (_, more) => {
    const other = await freshLedger();
    try {
      const before = await shell.rockMac('pool', 'list', '--ledger', other.url);
      const { code } = await shell.rockMac('init', '--prefix', '02', ...more, '--ledger', other.url);
      expect(code).not.toBe(0);
      expect((await shell.rockMac('pool', 'list', '--ledger', other.url)).stdout).toBe(before.stdout);
    } finally {
      await other.close();
    }
  });

  test('is kept if somebody defined a pool under it', async () => {
    const other = await freshLedger();
    const lab = { name: 'lab', first: mac('a4:58:0f:10:00:00'), last: mac('a4:58:0f:10:00:ff'), description: '' };
    try {
      await definePool(other.db, { ...lab, autoReleaseSeconds: null, reuseDelaySeconds: 60 }, 'test');
      const { code, stderr } = await shell.rockMac('init', '--prefix', '02', '--ledger', other.url);
      expect(code).toBe(4);
      expect(stderr).toMatch(/has the prefix a4:58:0f and keeps it, because it has pools of its own: lab\./);
      expect((await shell.rockMac('pool', 'list', '-o', 'name', '--ledger', other.url)).stdout).toContain('lab\n');
    } finally {
      await other.close();
    }
  });

  test.each([
    [['8c:1f:64:12:3', '06:00:00'], /ranges: production \(06:00:00:00:00:01 to 06:00:00:00:ff:ff\), dev/],
    [['8c:1f:64:12:3', '06'], /ranges: production \(06:00:00:00:00:01 to 06:00:00:00:ff:ff\), dev/],
    [['8c:1f:64:12:3'], /has no pools yet/],
  ])('may be several, and the first that has room has the default pools: %j', async (named, ranges) => {
    const other = await freshLedger();
    try {
      const flags = named.flatMap((prefix) => ['--prefix', prefix]);
      for (let run = 0; run < 2; run++) {
        const { code, stderr } = await shell.rockMac('init', ...flags, '--ledger', other.url);
        expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(ranges) as string });
      }
      expect((await shell.rockMac('check', '--ledger', other.url)).code).toBe(0);
    } finally {
      await other.close();
    }
  });

  test('is taken from the configuration file of the predecessor for a new ledger', async () => {
    const other = await freshLedger();
    const machine = await openShell({ ROCK_MAC_LEDGER_URL: other.url });
    try {
      await machine.bash(`mkdir -p ~/.rock && cat > ~/.rock/mac-dispenser.yaml <<'END'
mac_dispenser:
  prefix: "02:0a"
  pools:
    lab: {range: "00:00:00:00-00:00:00:0f", auto_release_days: 1}
END`);
      const { code, stderr } = await machine.rockMac('init');
      expect(code).toBe(0);
      expect(stderr).toContain('the only authority for its ranges: lab (02:0a:00:00:00:01 to 02:0a:00:00:00:0f).');
      expect((await machine.rockMac('allocate', '-p', 'lab')).stdout).toBe('Allocated MAC: 02:0a:00:00:00:01\n');
      expect((await machine.rockMac('check')).code).toBe(0);
    } finally {
      await machine.close();
      await other.close();
    }
  });

  test('is kept if a cluster is registered', async () => {
    const other = await freshLedger();
    try {
      await registerCluster(other.db, { clusterId: 'uid', name: 'shop' }, 'test');
      const { code, stderr } = await shell.rockMac('init', '--prefix', 'a6:58:0f', '--ledger', other.url);
      expect(code).toBe(4);
      expect(stderr).toMatch(/has the prefix a4:58:0f and keeps it, because it has allocations or clusters/);
      expect((await shell.rockMac('pool', 'list', '-o', 'name', '--ledger', other.url)).stdout).toContain(
        'development\n',
      );
    } finally {
      await other.close();
    }
  });
});

describe('sql', () => {
  async function sql(...args: readonly string[]): Promise<string> {
    return await out('sql', '--ledger', await readingUrl(ledger.current), ...args);
  }

  test('prints a table or JSON', async () => {
    const query = `select 1 as one, null as none, '{"a": 1}'::jsonb as json`;
    expect(await sql(query)).toBe('one   none   json\n1            {"a":1}\n(1 row(s))\n');
    expect(JSON.parse(await sql(query, '-o', 'json'))).toEqual([{ one: 1, none: null, json: { a: 1 } }]);
  });

  test('prints intervals, dates and infinite times as Postgres writes them', async () => {
    const query = `select interval '1 day 02:00' as i, date '2026-01-31' as d, timestamptz '-infinity' as t, 9007199254740993 as n`;
    expect(await sql(query)).toContain('1 day 02:00:00   2026-01-31   -infinity   9007199254740993\n');
    expect(JSON.parse(await sql(query, '-o', 'json'))).toEqual([
      { i: '1 day 02:00:00', d: '2026-01-31', t: '-infinity', n: '9007199254740993' },
    ]);
    expect(await sql('select reuse_delay from pools limit 1')).toMatch(/\n\d+ days?\n/);
  });

  const escape = (query: string) => `select set_config('role', 'none', true), query_to_xml('${query}', true, true, '')`;
  const ESCAPES = [
    `select pg_read_file('/etc/hostname')`,
    escape(`select pg_read_file(''/etc/hostname'')`),
    escape('select passwd from pg_shadow'),
    escape('select pg_reload_conf()'),
    escape('select pg_terminate_backend(0) from pg_authid'),
  ];

  test.each(ESCAPES)('refuses a superuser, who could leave the role of an auditor: %s', async (statement) => {
    const { code, stdout, stderr } = await shell.rockMac('sql', statement);
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
    expect(stderr).toMatch(
      /needs a login that can only read, but ".*" is a superuser\. Create one with `create role NAME login in role rock_mac_auditor`/,
    );
  });

  test.each(ESCAPES)('gives a login that can only read no more than that: %s', async (statement) => {
    const { code, stdout } = await shell.rockMac('sql', '--ledger', await readingUrl(ledger.current), statement);
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
  });

  test.each([
    ['may create roles', 'createrole', /may create roles/],
    ['is a member of another role', 'in role rock_mac_app', /is a member of rock_mac_app/],
    ['may become an administrator', 'in role rock_mac_auditor, pg_read_server_files', /member of pg_read_server_files/],
  ])('refuses a login that %s', async (_, rights, message) => {
    const login = `more_${randomBytes(4).toString('hex')}`;
    await ledger.current.sql(`create role ${login} login password '${login}' ${rights}`);
    await ledger.current.sql(`grant rock_mac_auditor to ${login}`);
    const url = new URL(ledger.current.url);
    [url.username, url.password] = [login, login];
    try {
      const { code, stderr } = await shell.rockMac('sql', '--ledger', url.href, 'select 1');
      expect(code).toBe(6);
      expect(stderr).toMatch(message);
    } finally {
      await ledger.current.sql(`drop role ${login}`);
    }
  });

  test('refuses a login that may write one table', async () => {
    await readingUrl(ledger.current);
    await ledger.current.sql('grant update on rock_mac.pools to test_reader');
    try {
      const url = await readingUrl(ledger.current);
      const { stderr } = await shell.rockMac('sql', '--ledger', url, 'select 1');
      expect(stderr).toMatch(/"test_reader" may write tables of the ledger/);
    } finally {
      await ledger.current.sql('revoke update on rock_mac.pools from test_reader');
    }
  });
});

test('ledger status names the ledger without its password', async () => {
  const text = await out('ledger', 'status');
  expect(text).toMatch(/^Ledger: +postgresql:\/\/.*:\*\*\*@/);
  expect(text).toMatch(/State: +The ledger is open/);
  expect((await shell.rockMac('ledger', 'stop')).stderr).toMatch(/no embedded ledger on this machine/);
});

test('the configuration file names the ledger and its password file', async () => {
  const url = new URL(ledger.current.url);
  const { password } = url;
  url.password = '';
  const { code, stdout } = await shell.bash(`
    mkdir -p ~/.rock && printf '%s' '${password}' > ~/.rock/password
    printf 'ledger: {url: "%s", passwordFile: ~/.rock/password}\\n' '${url.href}' > ~/.rock/mac-dispenser.yaml
    unset ROCK_MAC_LEDGER_URL
    rock-mac pool list -o name`);
  expect({ code, first: stdout.split('\n')[0] }).toEqual({ code: 0, first: 'production' });
});

test('bash completes commands, pools and addresses with colons', async () => {
  const [mac = ''] = await names('allocate', '-p', 'production', '-d', 'completed-vm');
  const typed = mac.slice(0, -1);
  const script = (line: string) => `
    source <(rock-mac completion bash)
    COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; _rock_mac; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const replies = async (line: string) => (await shell.bash(script(line))).stdout.trim().split('\n');
  expect(await replies('rock-mac alloc')).toEqual(['allocate']);
  expect(await replies('rock-mac allocate --pool dev')).toEqual(['development']);
  expect(await replies(`rock-mac show ${typed}`)).toContain(mac.slice(mac.lastIndexOf(':') + 1));
  expect(await replies('rock-mac release completed-')).toEqual(['completed-vm']);
});

test('fish completes pools, addresses and devices', async ({ skip }) => {
  skip((await shell.bash('command -v fish')).code !== 0, 'fish is not installed');
  const [mac = ''] = await names('allocate', '-p', 'production', '-d', 'finished-vm');
  const replies = async (line: string) => {
    const { stdout } = await shell.bash(`fish -c 'rock-mac completion fish | source; complete -C "${line}"'`);
    return stdout.trim().split('\n');
  };
  expect(await replies('rock-mac allocate --pool dev')).toEqual(['development\tDevelopment VMs']);
  expect(await replies('rock-mac release finished-')).toEqual(['finished-vm\tdevice']);
  expect(await replies(`rock-mac show ${mac.slice(0, -1)}`)).toContain(`${mac}\taddress`);
});

test('zsh completes pools, addresses and devices', async ({ skip }) => {
  skip((await shell.bash('command -v zsh')).code !== 0, 'zsh is not installed');
  const [mac = ''] = await names('allocate', '-p', 'vultr', '-d', 'zealous-vm');
  /** Types a line and a tab in an interactive zsh. Returns "found" once the wanted text appears. */
  const typed = async (line: string, wanted: string) => {
    await shell.bash(`cat > complete.zsh <<'END'
zmodload zsh/zpty
zpty other zsh -f -i
zpty -w other "PS1='> '; autoload -Uz compinit; compinit -u -D; source <(rock-mac completion zsh); print ready"
zpty -r other seen $'*\nready*'
zpty -w -n other $'${line}\t'
zpty -r -m other seen '*${wanted}*' && print found
zpty -d other
END`);
    return (await shell.bash('timeout 20 zsh -f complete.zsh')).stdout.trim();
  };
  expect(await typed('rock-mac allocate --pool develop', 'development')).toBe('found');
  expect(await typed('rock-mac release zealous', 'zealous-vm')).toBe('found');
  expect(await typed(`rock-mac show ${mac.slice(0, -1)}`, mac)).toBe('found');
});

test('output that cannot be written is a failure that says that the command has run', async () => {
  const { code, stderr } = await shell.bash('rock-mac allocate -p docker -d unseen > /dev/full');
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^Error: The command has run, but .*\(the disk is full\)/) as string,
  });
  expect(await names('list', '-d', 'unseen')).toHaveLength(1);
});

test('a closed pipe is not a failure', async () => {
  const { code, stdout } = await shell.bash('set -o pipefail; rock-mac --help | head -1');
  expect(stdout).toBe('Usage: rock-mac [options] [command]\n');
  expect([0, 141]).toContain(code);
});

test('recover --free-gap frees what a failover set aside of one pool, and names the pools if there is none of that name', async () => {
  const other = await freshLedger();
  const admin = await openShell({ ROCK_MAC_LEDGER_URL: other.url });
  onTestFinished(async () => {
    await admin.close();
    await other.close();
  });
  await other.sql('update rock_mac.ledger_state set replication_gap = 5');
  await recover(other.db, { expected: 1, lossy: true, actor: 'test' });
  const orphans = async () => (await admin.rockMac('list', '-s', 'orphaned', '-p', 'docker', '-o', 'name')).stdout;
  expect((await orphans()).trim().split('\n')).toHaveLength(5);
  expect(await admin.rockMac('recover', '--free-gap', 'dokcer')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('Did you mean docker?') as string,
  });
  expect(await admin.rockMac('recover', '--free-gap', 'docker')).toEqual({
    code: 0,
    stdout: 'Freed 5 address(es) of pool docker that a failover had set aside.\nThe ledger is open (epoch 2).\n',
    stderr: '',
  });
  expect(await orphans()).toBe('');
  expect((await admin.rockMac('recover', '--free-gap', 'docker')).stdout).toMatch(/^Freed 0 address/);
});

test('recover --free-gap says how many addresses stay because their webhooks have not dropped them', async () => {
  const other = await freshLedger();
  const admin = await openShell({ ROCK_MAC_LEDGER_URL: other.url });
  onTestFinished(async () => {
    await admin.close();
    await other.close();
  });
  await other.sql('update rock_mac.ledger_state set replication_gap = 0');
  await joinCluster(other.db, 'c1');
  const holder = { clusterId: 'c1', id: 'h1', podName: 'webhook-1', podUid: 'u1' };
  await checkStock(other.db, holder, undefined);
  await fillStock(other.db, holder, { pool: 'docker', count: 3, fillId: 'f', ticket: undefined, actor: 'webhook' });
  const epoch = await recover(other.db, { expected: 1, lossy: true, actor: 'test' });
  await markReported(other.db, { clusterId: 'c1', epoch }, 'test');
  expect((await admin.rockMac('recover', '--free-gap', 'docker')).stdout).toMatch(
    /^Freed 0 .*\n3 address\(es\) stay: .*`rock-mac stock return HOLDER`\.\nThe ledger is open/,
  );
  await admin.rockMac('stock', 'return', 'h1', '--force');
  expect((await admin.rockMac('list', '-s', 'orphaned', '-p', 'docker', '-o', 'name')).stdout).toBe('');
});
