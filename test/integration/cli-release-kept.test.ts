import { expect, test } from 'vitest';
import { releaseRows } from '../../cli/ledger-mode/release.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { aRequest, joinCluster, ledgerOfThisFile, takeAddress } from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();

async function releaseAsAdmin(mac: MacAddress, force: boolean) {
  const { db } = ledger.current;
  const row = await findByMac(db, mac);
  return await releaseRows(db, row === undefined ? [] : [row], { force, actor: 'ada' });
}

test('a reservation whose claim and namespace are gone is released with --force, and only then', async () => {
  const { db } = ledger.current;
  await joinCluster(db, 'c1');
  const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'gone', name: 'kept', uid: 'u1', nic: '' };
  const held = await takeAddress(
    ledger.current,
    aRequest({ key: 'claim/c1/u1', pool: 'kubernetes', state: 'reserved', owner }),
  );

  // While its claim exists, the claim is what releases it.
  expect(await releaseAsAdmin(held.mac, true)).toMatchObject({
    released: [],
    kept: [{ refusal: { exit: 'conflict' } }],
  });
  await keepReserved(db, [held], { actor: 'operator', reason: 'the claim was deleted' });
  expect((await releaseAsAdmin(held.mac, false)).kept[0]?.refusal.nextStep).toContain('--force');
  expect(await releaseAsAdmin(held.mac, true)).toMatchObject({
    released: [{ mac: held.mac, state: 'released' }],
    kept: [],
  });
});
