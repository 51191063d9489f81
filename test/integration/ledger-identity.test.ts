import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { takeConsumer } from '../../ledger/address/consumer.ts';
import { listAudit } from '../../ledger/audit.ts';
import { listClusters, markAdopted, registerCluster } from '../../ledger/state/clusters.ts';
import { continueCluster, showTicket } from '../../ledger/state/identity.ts';
import { recover } from '../../ledger/state/recovery.ts';
import { aPodRequest, aRequest, freshLedger, requestAddress, takeAddress, type TestLedger } from './ledger-fixture.ts';

/*
 * A cluster proves its identity with a chain of tickets. These tests take the place of its operators: one writes a pair, then
 * shows it.
 */

let ledger: TestLedger;

beforeEach(async () => {
  ledger = await freshLedger();
  await registerCluster(ledger.db, { clusterId: 'c1', name: 'one' }, 'test');
  await markAdopted(ledger.db, { clusterId: 'c1', epoch: 1 }, 'test');
});

afterEach(async () => {
  await ledger.close();
});

/** Shows the pair of tickets `n - 1` and `n` of a chain. */
function show(n: number, chain = 't'): Promise<string> {
  const prev = n === 1 ? undefined : `${chain}${String(n - 1)}`;
  return showTicket(ledger.db, { clusterId: 'c1', prev, next: `${chain}${String(n)}` }, 'operator');
}

async function showUpTo(last: number): Promise<void> {
  for (let n = 1; n <= last; n++) expect(await show(n)).toBe('accepted');
}

const cluster = async () => (await listClusters(ledger.db))[0];
let pods = 0;
const outcomeWith = async (ticket: string | undefined) =>
  (await requestAddress(ledger, aPodRequest(`pod-${String(pods++)}`, { ticket }))).outcome;

describe('the chain of one control plane', () => {
  test('goes on from the first ticket, of which the ledger knows nothing', async () => {
    await showUpTo(20);
    expect(await cluster()).toMatchObject({ adoptedAt: expect.any(Date) as Date });
  });

  test('begins with any pair, so that a cluster that registered before needs no preparation', async () => {
    expect(await show(7)).toBe('accepted');
    expect(await show(8)).toBe('accepted');
  });

  test.each([
    ['before the ledger saw the stored pair', [1, 2, 3, 4]],
    ['after the ledger saw it, and the next leader shows it again', [1, 2, 3, 3, 4]],
    ['before its answer arrived, several times', [1, 2, 2, 2, 3, 3, 4]],
  ])('survives a crash %s', async (_, shown) => {
    for (const n of shown) expect(await show(n)).toBe('accepted');
  });

  test('is not evaluated before a recovery that may have lost its end', async () => {
    await showUpTo(3);
    await ledger.sql(`update rock_mac.ledger_state set timeline = '000000FF'`);
    expect(await show(2)).toBe('not_evaluated');
    await recover(ledger.db, { expected: 1, actor: 'test' });
    // The ledger forgot the chain: what it had was maybe older than the ticket in the cluster.
    expect(await show(9)).toBe('accepted');
  });
});

describe('a copy of a cluster', () => {
  test('waits, and is refused for good once the original goes on', async () => {
    await showUpTo(5);
    expect(await show(3)).toBe('waiting');
    expect(await show(3)).toBe('waiting');
    expect(await show(6)).toBe('accepted');
    expect(await show(3)).toBe('shared');
    expect(await show(7)).toBe('copied');
    await ledger.advance(3_600);
    expect(await show(3)).toBe('shared');
    expect(await cluster()).toMatchObject({
      adoptedAt: expect.any(Date) as Date,
      sharedSince: expect.any(Date) as Date,
    });
  });

  test('is noticed, whichever of the two shows the next ticket first', async () => {
    await showUpTo(5);
    expect(await showTicket(ledger.db, { clusterId: 'c1', prev: 't5', next: 'copy' }, 'operator')).toBe('accepted');
    expect(await show(6)).toBe('waiting');
    expect(await showTicket(ledger.db, { clusterId: 'c1', prev: 'copy', next: 'copy2' }, 'operator')).toBe('accepted');
    expect(await show(6)).toBe('shared');
  });

  test('gets no address for its pods and claims, and the original does', async () => {
    await showUpTo(5);
    const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'team', name: 'claim', uid: 'u', nic: '' };
    await takeAddress(ledger, aRequest({ key: 'claim', pool: 'kubernetes', state: 'active', owner }));
    const take = (ticket: string) =>
      takeConsumer(ledger.db, [{ claimKey: 'claim', key: 'pod', kind: 'Pod', name: 'p', nic: 'eth0', ticket }], {
        leaseSeconds: 120,
        actor: 'webhook',
      });
    await show(3);
    for (const ticket of ['t2', 't3']) {
      expect(await outcomeWith(ticket)).toBe('identity_shared');
      expect(await take(ticket)).toEqual([{ outcome: 'identity_shared' }]);
    }
    for (const ticket of ['t4', 't5', undefined]) expect(await outcomeWith(ticket)).toBe('allocated');
    expect(await take('t4')).toMatchObject([{ outcome: 'taken' }]);
  });

  test('whose operator does not run gets no address as soon as the chain has left its ticket behind', async () => {
    await showUpTo(5);
    expect(await outcomeWith('t4')).toBe('allocated');
    for (let n = 6; n <= 16; n++) await show(n);
    expect(await outcomeWith('t4')).toBe('identity_shared');
    expect(await outcomeWith('t15')).toBe('allocated');
  });

  test('that an admin declared gone leaves the original alone, and is refused again if it returns', async () => {
    await showUpTo(5);
    await show(3);
    await show(6);
    expect(await show(3)).toBe('shared');
    const decided = await continueCluster(ledger.db, { clusterId: 'c1', as: 'known' }, 'ada');
    expect(decided).toBe('known');
    expect(await show(7)).toBe('accepted');
    expect(await listAudit(ledger.db, { action: 'cluster-identity' })).toMatchObject([
      { user: 'ada', clusterId: 'c1', reason: 'an admin decided' },
    ]);
    expect(await show(3)).toBe('waiting');
    await show(8);
    expect(await show(3)).toBe('shared');
  });

  test('that an admin lets continue the cluster does its initial sync first, and the other is refused', async () => {
    await showUpTo(5);
    await show(3);
    await show(6);
    await show(3);
    expect(await continueCluster(ledger.db, { clusterId: 'c1', as: 'newcomer' }, 'ada')).toBe('newcomer');
    expect(await cluster()).not.toHaveProperty('adoptedAt', expect.any(Date));
    expect(await show(3)).toBe('accepted');
    expect(await outcomeWith('t3')).toBe('not_adopted');
    expect(await outcomeWith('t6')).toBe('identity_shared');
    expect(await show(6)).toBe('waiting');
    expect(await showTicket(ledger.db, { clusterId: 'c1', prev: 't3', next: 'later' }, 'operator')).toBe('accepted');
    expect(await show(6)).toBe('shared');
  });

  test('is not forgotten by a recovery of the ledger', async () => {
    await showUpTo(5);
    await show(3);
    await show(6);
    expect(await show(3)).toBe('shared');
    await recover(ledger.db, { expected: 1, lossy: true, actor: 'test' });
    expect(await show(3)).toBe('shared');
    expect(await show(7)).toBe('copied');
  });
});

describe('a cluster that was restored from a backup of its etcd', () => {
  test('does its initial sync again when nobody else has gone on for five minutes', async () => {
    await showUpTo(5);
    expect(await show(3)).toBe('waiting');
    await ledger.advance(299);
    expect(await show(3)).toBe('waiting');
    await ledger.advance(2);
    expect(await show(3)).toBe('restored');
    expect(await cluster()).not.toHaveProperty('adoptedAt', expect.any(Date));
    expect(await outcomeWith('t3')).toBe('not_adopted');
    await markAdopted(ledger.db, { clusterId: 'c1', epoch: 1 }, 'test');
    expect(await outcomeWith('t3')).toBe('allocated');
    expect(await show(4)).toBe('accepted');
  });

  test('waits while the clock of the database is not believed', async () => {
    await showUpTo(5);
    await show(3);
    await ledger.advance(600);
    await ledger.sql(`update rock_mac.clock_trust set agreed_at = '-infinity'`);
    expect(await show(3)).toBe('waiting');
  });
});

test('a leader that was paused and shows an old pair once changes nothing', async () => {
  await showUpTo(5);
  expect(await show(3)).toBe('waiting');
  for (let n = 6; n <= 20; n++) expect(await show(n)).toBe('accepted');
  expect(await outcomeWith('t19')).toBe('allocated');
});

test('an admin has nothing to decide about a cluster that is the only one', async () => {
  await showUpTo(2);
  expect(await continueCluster(ledger.db, { clusterId: 'c1', as: 'newcomer' }, 'ada')).toBe('not_shared');
  expect(await continueCluster(ledger.db, { clusterId: 'c9', as: 'known' }, 'ada')).toBe('not_registered');
});
