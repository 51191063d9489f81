import { expect, test } from 'vitest';
import { definePool } from '../../ledger/pool/pools.ts';
import { registerCluster, retireCluster } from '../../ledger/state/clusters.ts';
import { mac } from '../../mac/mac-address.ts';
import { ledgerOfThisFile } from './ledger-fixture.ts';
import { shellOfThisFile } from './rock-mac-shell.ts';

/* `rock-mac pool`: what a person does with the definitions of pools. */

const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);

const run = (line: string) => shell.bash(`rock-mac ${line}`);

async function out(line: string): Promise<string> {
  const { code, stdout, stderr } = await run(line);
  expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: '' });
  return stdout;
}

test('a pool is added, grown, paused, resumed and deleted', async () => {
  const added =
    'pool add lab --first a4-58-0f-10-00-00 --size 2 --auto-release 1d --reuse-delay 2h --description Racks';
  expect(await out(added)).toBe('Added: pool lab, a4:58:0f:10:00:00 to a4:58:0f:10:00:01\n');
  expect(await out(added)).toMatch(/^Unchanged: /);
  expect(await out('pool list')).toMatch(/^lab +a4:58:0f:10:00:00 +a4:58:0f:10:00:01 +1d +2h +sequential +no +Racks$/m);
  expect(await out('pool grow lab --last a4:58:0f:10:00:03')).toMatch(/^Grown: pool lab, .* to a4:58:0f:10:00:03\n/);
  expect(await out('pool pause lab')).toMatch(/^Paused: /);
  expect(await run('allocate -p lab')).toMatchObject({ code: 7, stderr: expect.stringContaining('paused') as string });
  expect(await out('pool resume lab')).toMatch(/^Resumed: /);
  expect(await out('pool delete lab')).toBe('Deleted: pool lab\n');
  expect(await out('pool list -o name')).not.toContain('lab');
});

test('a pool that handed out addresses is not deleted while one is held, and else only paused', async () => {
  await out('pool add used --first a4:58:0f:11:00:00 --size 16');
  await out('allocate -p used -d one');
  expect(await out('pool describe used')).toMatch(/^Range: +a4:58:0f:11:00:00 to a4:58:0f:11:00:0f \(16 addresses\)$/m);
  expect(JSON.parse(await out('pool describe used -o json'))).toMatchObject({ kind: 'Pool', name: 'used', active: 1 });
  expect(await run('pool delete used')).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('rock-mac list --pool used') as string,
  });
  await out('release one');
  expect(await out('pool delete used')).toMatch(/^Paused: pool used handed out addresses/);
  expect(await out('pool describe used')).toMatch(/^Paused: +yes/m);
});

test('a pool is random from the start, or later, and may become sequential again', async () => {
  const add = 'pool add site --first a4:58:0f:15:00:00 --size 1024';
  await out(`${add} --strategy random`);
  expect(await out('pool list')).toMatch(/^site .* random +no$/m);
  expect(JSON.parse(await out('pool describe site -o json'))).toMatchObject({ strategy: 'random', free: 1_024 });
  expect(JSON.parse(await out('pool describe site -o json'))).not.toHaveProperty('cursor');
  const macs = [];
  for (const device of ['a', 'b', 'c']) macs.push((await out(`allocate -p site -d ${device} -o name`)).trim());
  expect(macs).not.toEqual(['a4:58:0f:15:00:00', 'a4:58:0f:15:00:01', 'a4:58:0f:15:00:02']);
  expect(await out(add)).toMatch(/^Unchanged: the ledger has pool site/);
  expect(await run(`${add} --strategy sequential`)).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/pool site that is random/) as string,
  });
  expect(await out('pool strategy site sequential')).toBe('Changed: pool site is sequential\n');
  expect(await out('pool strategy site sequential')).toBe('Unchanged: pool site is sequential already\n');
  expect(await out('allocate -p site -d d -o name')).toMatch(/^a4:58:0f:15:00:0/);
});

test('a dry run changes nothing', async () => {
  const before = await out('pool list');
  for (const line of ['add tried --first a4:58:0f:12:00:00 --size 4', 'pause docker', 'delete experiment']) {
    const { code, stdout, stderr } = await run(`pool ${line} --dry-run`);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/^Dry run, nothing was changed\. (Added|Paused|Deleted): pool /) as string,
    });
  }
  expect(await out('pool list')).toBe(before);
});

test.each([
  ['add new --first a4:58:0f:01:ff:ff --size 2', 4, /overlaps pool development \(a4:58:0f:01:.*\), experiment \(a4/],
  ['add new --first 02:00:00:00:00:00 --size 2', 1, /not under one prefix of the ledger\. Its prefixes are a4:58:0f\./],
  ['add docker --first a4:58:0f:13:00:00 --size 2', 4, /has a pool docker with another range/],
  ['add New --first a4:58:0f:13:00:00 --size 2', 1, /lower-case letters/],
  ['add new --first a4:58:0f:13:00:00', 2, /either --last or --size/],
  ['add new --first ff:ff:ff:ff:ff:ff --size 2', 2, /address of a device/],
  ['add new --first a4:58:0f:13:00:05 --last a4:58:0f:13:00:00', 1, /is after last/],
  ['add new --first a4:58:0f:13:00:00 --size 2 --auto-release 5m', 1, /shorter than an hour/],
  ['add new --first a4:58:0f:13:00:00 --size 2 --strategy none', 2, /Allowed choices are sequential, random/],
  ['strategy docker none', 2, /Allowed choices are sequential, random/],
  ['grow docker --last a4:58:0f:04:00:0f', 1, /never shrinks/],
  ['grow docker --last a4:58:0f:05:00:0f', 4, /overlaps pool kubernetes/],
  ['pause dokcer', 1, /no pool "dokcer"\. Did you mean docker\?/],
  ['describe dokcer', 1, /Did you mean docker\?/],
])('pool %s is refused with the reason', async (line, code, stderr) => {
  expect(await run(`pool ${line}`)).toMatchObject({
    code,
    stdout: '',
    stderr: expect.stringMatching(stderr) as string,
  });
});

test('the pool of a MacPool is changed in its cluster, until that is retired', async () => {
  const { db, sql } = ledger.current;
  await registerCluster(db, { clusterId: 'uid-of-shop', name: 'shop' }, 'test');
  const range = { first: mac('a4:58:0f:14:00:00'), last: mac('a4:58:0f:14:00:ff') };
  await definePool(
    db,
    { name: 'shop', ...range, description: '', autoReleaseSeconds: null, reuseDelaySeconds: 60 },
    'x',
  );
  await sql(`update rock_mac.pools set cluster_id = 'uid-of-shop' where name = 'shop'`, []);
  expect(await run('pool pause shop')).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/MacPool of cluster shop.*kubectl rock-mac pool pause shop/) as string,
  });
  // What a person did, a person may undo.
  expect(await run('pool strategy shop random')).toMatchObject({ code: 4 });
  await sql(`update rock_mac.pools set strategy = 'random', paused = true where name = 'shop'`, []);
  expect(await out('pool strategy shop sequential')).toMatch(/^Changed: /);
  expect(await out('pool resume shop')).toMatch(/^Resumed: /);
  await sql(`update rock_mac.pools set strategy = 'random', random_by = 'uid-of-shop' where name = 'vultr'`, []);
  expect(await run('pool strategy vultr sequential')).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(
      /made random .*cluster shop.*kubectl rock-mac pool strategy vultr sequential/,
    ) as string,
  });
  await retireCluster(db, 'uid-of-shop', 'test');
  expect(await out('pool strategy vultr sequential')).toMatch(/^Changed: /);
  expect(await out('pool pause shop')).toMatch(/^Paused: /);
});
