import { describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { importAddresses, type ImportItem, type ImportSettings } from '../../ledger/address/import-addresses.ts';
import { release } from '../../ledger/address/release.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { pausePool } from '../../ledger/pool/pools.ts';
import { mac } from '../../mac/mac-address.ts';
import {
  aRequest,
  findingsExceptClock,
  joinCluster,
  ledgerOfThisFile,
  requestAddress,
  takeAddress,
} from './ledger-fixture.ts';
import { loginsOfThisFile } from './ledger-logins.ts';

const ledger = ledgerOfThisFile();
const createLogin = loginsOfThisFile();

const write: ImportSettings = { write: true, update: false, actor: 'ada' };

function anItem(text: string, changes: Partial<ImportItem> = {}): ImportItem {
  return {
    mac: mac(text),
    deviceId: 'web',
    defaultType: 'host',
    state: 'active',
    metadata: {},
    overridesDelay: false,
    reason: 'imported from hosts.csv',
    ...changes,
  };
}

const run = (items: readonly ImportItem[], settings: Partial<ImportSettings> = {}) =>
  importAddresses(ledger.current.db, items, { ...write, ...settings });

describe('an import of addresses', () => {
  test('makes the device the owner, with the period of the pool and one row of the audit', async () => {
    const item = anItem('a4:58:0f:01:10:00', { metadata: { rack: 'a7' } });
    expect(await run([item], { write: false })).toEqual([{ outcome: 'imported', pool: 'development' }]);
    expect(await findByMac(ledger.current.db, item.mac)).toBeUndefined();
    expect(await run([item])).toEqual([{ outcome: 'imported', pool: 'development' }]);
    const row = await findByMac(ledger.current.db, item.mac);
    expect(row).toMatchObject({
      state: 'active',
      origin: 'import',
      device: { id: 'web', type: 'host' },
      metadata: { rack: 'a7' },
      requester: 'ada',
      reason: 'imported from hosts.csv',
    });
    expect(Number(row?.expiresAt) - Number(row?.allocatedAt)).toBe(7 * 86_400_000);
    const audit = `select action, "user", reason from rock_mac.audit_log where mac_address = $1`;
    expect(await ledger.current.sql(audit, [item.mac])).toEqual([
      { action: 'import', user: 'ada', reason: 'imported from hosts.csv' },
    ]);
    expect(await run([item])).toEqual([{ outcome: 'unchanged', pool: 'development' }]);
    expect(await ledger.current.sql(audit, [item.mac])).toHaveLength(1);
  });

  test('changes metadata and the type only if asked, and keeps the keys that the file lacks', async () => {
    const item = anItem('a4:58:0f:01:10:01', { metadata: { rack: 'a7', row: 3 } });
    await run([item]);
    const moved = { ...item, metadata: { rack: 'b2', ip: ['10.0.0.1'] }, deviceType: 'router' };
    expect(await run([moved])).toEqual([{ outcome: 'differs', pool: 'development' }]);
    expect(await findByMac(ledger.current.db, item.mac)).toMatchObject({ metadata: { rack: 'a7', row: 3 } });
    expect(await run([moved], { update: true, write: false })).toEqual([{ outcome: 'updated', pool: 'development' }]);
    expect(await run([moved], { update: true })).toEqual([{ outcome: 'updated', pool: 'development' }]);
    expect(await findByMac(ledger.current.db, item.mac)).toMatchObject({
      generation: 1,
      device: { id: 'web', type: 'router' },
      metadata: { rack: 'b2', row: 3, ip: ['10.0.0.1'] },
    });
    expect(await run([moved], { update: true })).toEqual([{ outcome: 'unchanged', pool: 'development' }]);
  });

  test('refuses metadata that is too large together with those in the ledger, and stores its neighbours', async () => {
    const half = 'x'.repeat(16_000);
    const item = anItem('a4:58:0f:01:10:02', { metadata: { a: half } });
    await run([item]);
    await run([{ ...item, metadata: { b: half } }], { update: true });
    expect(
      await run([{ ...item, metadata: { c: half } }, anItem('a4:58:0f:01:10:03', { deviceId: 'next' })], {
        update: true,
      }),
    ).toEqual([
      { outcome: 'too_large', pool: 'development' },
      { outcome: 'imported', pool: 'development' },
    ]);
  });

  test('leaves an address to its holder: a device, a pod, or somebody who has reserved it', async () => {
    await joinCluster(ledger.current.db, 'c1');
    const device = await takeAddress(ledger.current, aRequest({ key: 'device/db', device: { id: 'db' } }));
    const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', uid: 'u1', nic: 'eth0' };
    const pod = await takeAddress(
      ledger.current,
      aRequest({ key: boundKey({ ...owner, mac: mac('a4:58:0f:05:00:00') }), pool: 'kubernetes', owner }),
    );
    const kept = await takeAddress(ledger.current, aRequest({ key: 'device/kept', state: 'reserved' }));
    const macs = [device.mac, pod.mac, kept.mac];
    expect(await run(macs.map((each) => anItem(each)))).toMatchObject([
      { outcome: 'in_use', holder: { state: 'active', device: { id: 'db' } } },
      { outcome: 'in_use', holder: { state: 'active', owner: { name: 'web' } } },
      { outcome: 'in_use', holder: { state: 'reserved' } },
    ]);
    expect(await findByMac(ledger.current.db, device.mac)).toMatchObject({ device: { id: 'db' }, generation: 1 });
  });

  test('refuses an address that a live object uses, until the object is gone', async () => {
    await joinCluster(ledger.current.db, 'c2');
    const seen = mac('a4:58:0f:01:20:00');
    const object = { clusterId: 'c2', kind: 'Pod', namespace: 'team', name: 'p', uid: 'seen', nic: 'eth0' };
    await observe(ledger.current.db, [{ mac: seen, object, limited: false, running: true, segment: '' }], 'operator');
    expect(await run([anItem(seen)])).toEqual([{ outcome: 'observed', pool: 'development' }]);
    expect(await findByMac(ledger.current.db, seen)).toMatchObject({ state: 'released', generation: 0 });
  });

  test('waits for the reuse delay, except for the last device and for those who override it', async () => {
    const taken = await takeAddress(ledger.current, aRequest({ key: 'device/gone', device: { id: 'gone' } }));
    await release(ledger.current.db, [taken], { actor: 'ada', reason: 'test' });
    const [outcome] = await run([anItem(taken.mac)]);
    expect(outcome).toMatchObject({ outcome: 'in_reuse_delay', holder: { state: 'released', device: { id: 'gone' } } });
    expect(await run([anItem(taken.mac, { deviceId: 'gone' })], { write: false })).toMatchObject([
      { outcome: 'imported' },
    ]);
    expect(await run([anItem(taken.mac, { overridesDelay: true })])).toMatchObject([{ outcome: 'imported' }]);
    expect(await findByMac(ledger.current.db, taken.mac)).toMatchObject({ generation: 2, device: { id: 'web' } });
  });

  test('refuses an address of no pool and of a paused one, each with its own outcome', async () => {
    await pausePool(ledger.current.db, 'vultr', true, 'test');
    const invalid = anItem('a4:58:0f:01:30:00', { metadata: { a: 'half \ud800' } });
    const items = [anItem('52:54:00:00:00:01'), anItem('a4:58:0f:03:00:00'), invalid, anItem('a4:58:0f:01:30:01')];
    expect(await run(items)).toEqual([
      { outcome: 'in_no_pool' },
      { outcome: 'pool_paused', pool: 'vultr' },
      { outcome: 'invalid', why: expect.stringContaining('surrogate') as string },
      { outcome: 'imported', pool: 'development' },
    ]);
  });

  test('is not allowed for the login of a cluster, and hands out nothing while the ledger is paused', async () => {
    await ledger.current.sql(`update rock_mac.ledger_state set mode = 'paused'`);
    expect(await run([anItem('a4:58:0f:01:40:00')])).toEqual([{ outcome: 'not_open', why: 'paused' }]);
    await ledger.current.sql(`update rock_mac.ledger_state set mode = 'open'`);
    const cluster = await createLogin(ledger.current.url, 'rock_mac_app');
    const error = await importAddresses(cluster.db, [anItem('a4:58:0f:01:40:00')], write).catch(
      (each: unknown) => each,
    );
    expect(isLedgerError(error) && error.code).toBe('LEDGER_NOT_ALLOWED');
    expect(await findByMac(ledger.current.db, mac('a4:58:0f:01:40:00'))).toBeUndefined();
    const devices = await createLogin(ledger.current.url, 'rock_mac_device');
    expect(await importAddresses(devices.db, [anItem('a4:58:0f:01:40:00')], write)).toMatchObject([
      { outcome: 'imported' },
    ]);
  });

  test('allocates beside other callers without giving one address twice', async () => {
    const macs = Array.from({ length: 200 }, (_, n) => mac(`a4:58:0f:04:00:${n.toString(16).padStart(2, '0')}`));
    const asked = Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        requestAddress(ledger.current, aRequest({ key: `device/r${String(n)}`, pool: 'docker' })),
      ),
    );
    const outcomes = (
      await Promise.all([0, 50, 100, 150].map((from) => run(macs.slice(from, from + 50).map((each) => anItem(each)))))
    ).flat();
    const given = await asked;
    const imported = macs.filter((_, index) => outcomes[index]?.outcome === 'imported');
    const allocated = given.flatMap((each) => ('mac' in each ? [each.mac] : []));
    expect(new Set([...imported, ...allocated]).size).toBe(imported.length + allocated.length);
    expect(allocated).toHaveLength(100);
    expect(await findingsExceptClock(ledger.current.db)).toEqual([]);
  });
});
