import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { checkStock } from '../../ledger/stock/stock.ts';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import { aStockHolder, fillAStock, findingsExceptClock, joinCluster, ledgerOfThisFile } from './ledger-fixture.ts';
import { shellOfThisFile } from './rock-mac-shell.ts';

/* Addresses that are set aside for webhooks, as people see them. */

const ledger = ledgerOfThisFile();
const old = aStockHolder({ id: 'holder-old', podName: 'rock-mac-webhook-old' });
const living = aStockHolder({ id: 'holder-living', podName: 'rock-mac-webhook-living', podUid: 'pod-2' });
const shell = shellOfThisFile(ledger);
let ofOld: readonly AddressRef[];
let ofLiving: readonly AddressRef[];

beforeAll(async () => {
  const { current } = ledger;
  expect(await out('stock', 'list')).toBe('No webhook has a stock\n');
  await joinCluster(current.db, 'c1');
  await current.sql(`update rock_mac.clusters set name = 'staging'`);
  ofOld = await fillAStock(current, { holder: old, count: 3 });
  await fillAStock(current, { holder: old, count: 2, pool: 'docker' });
  await current.advance(90);
  ofLiving = await fillAStock(current, { holder: living, count: 4 });
});

async function out(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await shell.rockMac(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

const macOf = ([first]: readonly AddressRef[]) => first?.mac ?? mac('');
const stateOf = async (address: MacAddress) => (await findByMac(ledger.current.db, address))?.state;

describe('an address in stock', () => {
  test('is listed as stocked, and never as active', async () => {
    expect(await out('list', '-s', 'stocked', '-p', 'kubernetes')).toMatch(/ rock-mac-webhook-\w+ +stocked .*\n/);
    expect(await out('list', '-s', 'stocked', '-o', 'name')).toContain(macOf(ofOld));
    expect(await out('list')).toBe('No allocations found\n');
  });

  test('is shown with the webhook that has it, and with its history', async () => {
    const shown = await out('show', macOf(ofOld));
    expect(shown).toMatch(/Status: +stocked\n/);
    expect(shown).toMatch(/Held By: +Webhook rock-mac-webhook-old in cluster staging\n/);
    expect(shown).toMatch(/Next: +is set aside for a webhook, which gives it to a pod or returns it\n/);
    expect(await out('audit', '--action', 'stock', '-p', 'docker', '-o', 'name')).toMatch(/^\d+\n\d+\n$/);
  });

  test('is counted on its own, and not as free', async () => {
    const stats = z.object({ items: z.array(z.object({ pool: z.string(), stocked: z.int(), free: z.int() })) });
    const { items } = stats.parse(JSON.parse(await out('stats', '-o', 'json')));
    expect(items.find(({ pool }) => pool === 'kubernetes')).toEqual({ pool: 'kubernetes', stocked: 7, free: 65_529 });
    expect(await out('stats', '-o', 'wide')).toMatch(/ Pending +Stocked +Orphaned /);
  });

  test('is neither released nor renewed, even with --force', async () => {
    for (const args of [['release'], ['release', '--force'], ['renew']]) {
      const { code, stderr } = await shell.rockMac(...args, macOf(ofOld));
      expect(code).toBe(4);
      expect(stderr).toMatch(/rock-mac-webhook-old/);
    }
    expect(await stateOf(macOf(ofOld))).toBe('stocked');
  });
});

describe('stock list', () => {
  test('shows a line for each process and pool', async () => {
    expect(await out('stock', 'list')).toMatch(
      new RegExp(
        [
          /^Cluster +Pod +Holder +Pool +Addresses +Since +Last Seen\n/,
          /staging +rock-mac-webhook-living +holder-living +kubernetes +4 +\S+ \S+ +\S+ \S+\n/,
          /staging +rock-mac-webhook-old +holder-old +docker +2 .*\n/,
          /staging +rock-mac-webhook-old +holder-old +kubernetes +3 .*\n$/,
        ]
          .map(({ source }) => source)
          .join(''),
      ),
    );
    expect(await out('stock', 'list', '-o', 'wide')).toMatch(/ Cluster ID +Pod UID\n.* c1 +pod-2\n/);
    expect(await out('stock', 'list', '-o', 'name')).toBe('holder-living\nholder-old\n');
    const listed = z.object({ kind: z.string(), items: z.array(z.record(z.string(), z.unknown())) });
    expect(listed.parse(JSON.parse(await out('stock', 'list', '-o', 'json')))).toMatchObject({
      kind: 'StockList',
      items: [
        { cluster: 'staging', clusterId: 'c1', pod: living.podName, holder: living.id, addresses: 4 },
        { pool: 'docker', addresses: 2 },
        { pool: 'kubernetes', addresses: 3 },
      ],
    });
  });
});

describe('stock return', () => {
  test('names the risk if the process reported within the last minute, and asks for --force', async () => {
    const { code, stdout, stderr } = await shell.rockMac('stock', 'return', living.id);
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toMatch(
      /living reported \d+s ago\. If it still runs, it .* others may get them too\..* add --force/,
    );
    expect(await stateOf(macOf(ofLiving))).toBe('stocked');
  });

  test('changes nothing in a dry run', async () => {
    expect(await out('stock', 'return', old.id, '--dry-run')).toMatch(/^Would return 5 address\(es\) of /);
    expect(await stateOf(macOf(ofOld))).toBe('stocked');
  });

  test('returns the stock of all pools, of a process that was silent for a minute', async () => {
    expect(await out('stock', 'return', old.podName)).toBe(
      'Returned 5 address(es) of rock-mac-webhook-old in cluster staging. Others get them after the reuse delay\n',
    );
    const [row] = await ledger.current.sql(
      `select count(*)::int as count, min(p.reuse_delay - (rock_mac.clock() - a.released_at)) > interval '30 minutes' as waits
       from rock_mac.addresses a join rock_mac.pools p using (pool_id) where a.owner_uid = $1 and a.state = 'released'`,
      [old.id],
    );
    expect(row).toEqual({ count: 5, waits: true });
    expect(await out('audit', macOf(ofOld), '-o', 'json')).toContain('stock returned with rock-mac');
  });

  test('returns nothing the second time', async () => {
    expect(await out('stock', 'return', old.id, '--force')).toMatch(/^Returned 0 address\(es\) of /);
    expect(await out('stock', 'list', '-o', 'name')).toBe('holder-living\n');
  });

  test('returns the stock of a living process with --force, which it then no longer has', async () => {
    expect(await out('stock', 'return', living.id, '-f')).toMatch(/^Returned 4 address\(es\) of /);
    expect(await checkStock(ledger.current.db, living, undefined)).toEqual([]);
  });

  test('refuses an unknown process, and the name of a pod that had several', async () => {
    const unknown = await shell.rockMac('stock', 'return', 'holder-odd');
    expect(unknown.code).toBe(3);
    expect(unknown.stderr).toMatch(/No webhook "holder-odd" has a stock\..* `rock-mac stock list`/);
    await checkStock(ledger.current.db, { ...old, id: 'holder-restarted' }, undefined);
    const several = await shell.rockMac('stock', 'return', old.podName);
    expect(several.code).toBe(4);
    expect(several.stderr).toMatch(/Several processes ran in a pod rock-mac-webhook-old/);
  });
});

test('the ledger stays sound', async () => {
  expect(await findingsExceptClock(ledger.current.db)).toEqual([]);
});
