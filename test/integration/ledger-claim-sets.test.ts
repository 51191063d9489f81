import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import {
  type ClaimSetOutcome,
  takeUnusedClaims,
  usersOfClaims,
  type WantedClaim,
} from '../../ledger/address/claim-set.ts';
import { dropConsumer, takeConsumer } from '../../ledger/address/consumer.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { release } from '../../ledger/address/release.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { showTicket } from '../../ledger/state/identity.ts';
import { mac } from '../../mac/mac-address.ts';
import { aRequest, joinCluster, ledgerOfThisFile, takeAddress } from './ledger-fixture.ts';

/* Many connections, like many webhooks. */
const ledger = ledgerOfThisFile();
let db: LedgerClient;
let sets = 0;

beforeAll(async () => {
  const { url } = ledger.current;
  db = openLedger({ url, applicationName: 'sets', max: 8, statementTimeoutMs: 10_000, connectTimeoutMs: 5_000 });
  await joinCluster(db, 'c1');
});
afterAll(() => db.close());

const by = { actor: 'test', reason: 'test' };
const options = { leaseSeconds: 60, actor: 'webhook' };

/** Holds an address for each of `count` claims, in the order of their addresses. */
async function someClaims(count: number, changes: Partial<AllocationRequest> = {}): Promise<readonly AddressRef[]> {
  sets++;
  const claims: AddressRef[] = [];
  for (let n = 0; n < count; n++) {
    const name = `set-${String(sets)}-${String(n)}`;
    const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'team', name, uid: `uid of ${name}`, nic: '' };
    claims.push(await takeAddress(ledger.current, aRequest({ key: `claim/${name}`, owner, ...changes })));
  }
  return claims;
}

function anInterface(pod: string, nic = 'eth0', changes: Partial<WantedClaim> = {}): WantedClaim {
  return { key: `selected/${pod}/${nic}`, kind: 'Pod', name: pod, nic, ...changes };
}

function take(claims: readonly AddressRef[], ...wanted: readonly WantedClaim[]): Promise<ClaimSetOutcome> {
  return takeUnusedClaims(db, wanted, { clusterId: 'c1', claimKeys: claims.map(({ key }) => key) }, options);
}

/** Repeats while the set is busy, as every caller must. */
async function takeAtLast(claims: readonly AddressRef[], ...wanted: readonly WantedClaim[]): Promise<ClaimSetOutcome> {
  const outcome = await take(claims, ...wanted);
  return outcome.outcome === 'busy' ? await takeAtLast(claims, ...wanted) : outcome;
}

const macsOf = (outcomes: readonly ClaimSetOutcome[]) => {
  return outcomes.flatMap((each) => (each.outcome === 'taken' ? each.macs : []));
};

describe('a workload that selects claims', () => {
  test('uses one unused claim for each interface, and a repeated call gets the same ones with new leases', async () => {
    const claims = await someClaims(3);
    const both = [anInterface('web', 'eth0'), anInterface('web', 'eth1')];
    const taken = await take(claims, ...both);
    expect(taken).toEqual({ outcome: 'taken', macs: claims.slice(0, 2).map(({ mac }) => mac) });
    const second = mac(claims[1]?.mac ?? '');
    const before = await findByMac(db, second);
    expect(before?.consumer).toMatchObject({ kind: 'Pod', name: 'web', nic: 'eth1', key: 'selected/web/eth1' });
    expect(await take(claims, ...both)).toEqual(taken);
    const after = await findByMac(db, second);
    expect(Number(after?.consumer?.expiresAt)).toBeGreaterThan(Number(before?.consumer?.expiresAt));
  });

  test('keeps what it took when the set changes, and takes more for a new interface', async () => {
    const [first, ...others] = await someClaims(3);
    if (first === undefined) throw new Error('there is no claim');
    expect(await take([first], anInterface('grow'))).toMatchObject({ macs: [first.mac] });
    const wanted = [anInterface('grow'), anInterface('grow', 'eth1')];
    expect(await take(others, ...wanted)).toEqual({ outcome: 'taken', macs: [first.mac, others[0]?.mac] });
  });

  test('gets none if there is not one for each interface, and learns how many there are', async () => {
    const claims = await someClaims(3);
    await take(claims, anInterface('a'), anInterface('b'));
    const outcome = await take(claims, anInterface('wide', 'eth0'), anInterface('wide', 'eth1'));
    expect(outcome).toEqual({ outcome: 'none_unused', held: 3, used: 2 });
    expect(
      await usersOfClaims(
        db,
        claims.map(({ key }) => key),
        1,
      ),
    ).toEqual([{ kind: 'Pod', name: 'a' }]);
    expect(await take(claims, anInterface('c'))).toMatchObject({ outcome: 'taken' });
  });

  test('gets the claim with the address that it wrote, or none', async () => {
    const [first, second] = await someClaims(2);
    if (first === undefined || second === undefined) throw new Error('there are no claims');
    const wanting = (pod: string) => anInterface(pod, 'eth0', { requested: second.mac });
    expect(await take([first, second], wanting('choosy'))).toEqual({ outcome: 'taken', macs: [second.mac] });
    expect(await take([first, second], wanting('late'))).toEqual({ outcome: 'none_unused', held: 2, used: 1 });
  });

  test('never gets a claim that has no address, has expired, was deleted, or belongs to another cluster', async () => {
    await joinCluster(db, 'c2');
    const [expired] = await someClaims(1, { ttlSeconds: 60 });
    const [released] = await someClaims(1);
    const [kept] = await someClaims(1, { state: 'reserved' });
    const owner = { clusterId: 'c2', kind: 'MacAllocation', namespace: 'team', name: 'x', uid: 'x', nic: '' };
    const [foreign] = await someClaims(1, { owner });
    const [named] = await someClaims(1);
    const claims = [expired, released, kept, foreign, named].filter((claim) => claim !== undefined);
    expect(claims).toHaveLength(5);
    await release(db, claims.slice(1, 2), { ...by, force: true });
    expect(await keepReserved(db, claims.slice(2, 3), by)).toMatchObject([{ outcome: 'kept' }]);
    await takeConsumer(db, [{ claimKey: named?.key ?? '', key: 'seen', kind: 'Pod', name: 'seen', nic: 'eth0' }], by);
    const past = `update rock_mac.addresses set expires_at = now() - interval '1 second' where addr = $1`;
    await ledger.current.sql(past, [Number(`0x${(expired?.mac ?? '').replaceAll(':', '')}`)]);
    const noAddress = { mac: mac('a4:58:0f:01:ff:ff'), generation: 1, key: 'claim/no address' };
    expect(await take([...claims, noAddress], anInterface('poor'))).toEqual({
      outcome: 'none_unused',
      held: 2,
      used: 1,
    });
    // A reserved claim is as good as any other, while it exists.
    expect(await take(await someClaims(1, { state: 'reserved' }), anInterface('poor'))).toMatchObject({
      outcome: 'taken',
    });
  });

  test('gets none while the ledger is not open, or if its cluster is a copy', async () => {
    const claims = await someClaims(1);
    await ledger.current.sql(`update rock_mac.ledger_state set mode = 'paused'`);
    expect(await take(claims, anInterface('early'))).toEqual({ outcome: 'not_open', why: 'paused' });
    await ledger.current.sql(`update rock_mac.ledger_state set mode = 'open'`);
    await joinCluster(db, 'c3');
    expect(await showTicket(db, { clusterId: 'c3', next: 'ticket-1' }, 'test')).toBe('accepted');
    const copy = { clusterId: 'c3', claimKeys: ['claim/none'], ticket: 'old' };
    expect(await takeUnusedClaims(db, [anInterface('copy')], copy, options)).toEqual({ outcome: 'identity_shared' });
    expect((await findByMac(db, mac(claims[0]?.mac ?? '')))?.consumer).toBeUndefined();
  });

  test('gets the claim again that another workload gave up', async () => {
    const claims = await someClaims(1);
    await take(claims, anInterface('first'));
    expect(await take(claims, anInterface('next'))).toMatchObject({ outcome: 'none_unused' });
    await ledger.current.sql(
      `update rock_mac.addresses set consumer_expires_at = now() - interval '1 second' where consumer_key = 'selected/first/eth0'`,
    );
    await dropConsumer(db, [{ mac: mac(claims[0]?.mac ?? ''), consumerKey: 'selected/first/eth0' }], by);
    expect(await take(claims, anInterface('next'))).toMatchObject({ outcome: 'taken' });
  });
});

describe('of many workloads that select at once', () => {
  test('no two get the same claim: 50 share 20, and the other 30 learn that all 20 are used', async () => {
    const claims = await someClaims(20);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, n) => takeAtLast(claims, anInterface(`many-${String(n)}`))),
    );
    expect(macsOf(outcomes).sort()).toEqual(claims.map(({ mac }) => mac).sort());
    const others = outcomes.filter(({ outcome }) => outcome !== 'taken');
    expect(others).toEqual(Array.from({ length: 30 }, () => ({ outcome: 'none_unused', held: 20, used: 20 })));
    expect(await checkLedger(db)).toEqual([]);
  });

  test('no two wait for each other: one that finds only locked claims learns that the set is busy', async () => {
    const claims = await someClaims(2);
    await db.transaction(async (other) => {
      const set = { clusterId: 'c1', claimKeys: claims.map(({ key }) => key) };
      expect(await takeUnusedClaims(other, [anInterface('slow')], set, options)).toMatchObject({
        macs: [claims[0]?.mac],
      });
      const started = performance.now();
      expect(await take(claims, anInterface('quick'))).toEqual({ outcome: 'taken', macs: [claims[1]?.mac] });
      expect(await take(claims, anInterface('third'))).toEqual({ outcome: 'busy' });
      // A wait for the lock ends after half a second.
      expect(performance.now() - started).toBeLessThan(450);
    });
    expect(await take(claims, anInterface('third'))).toMatchObject({ outcome: 'none_unused', used: 2 });
  });

  test('each gets all that it needs or nothing, and one gets something', async () => {
    const claims = await someClaims(3);
    const outcomes = await Promise.all(
      ['x', 'y', 'z'].map((pod) => takeAtLast(claims, anInterface(pod, 'eth0'), anInterface(pod, 'eth1'))),
    );
    expect(macsOf(outcomes)).toHaveLength(2);
    expect(
      await usersOfClaims(
        db,
        claims.map(({ key }) => key),
        10,
      ),
    ).toHaveLength(2);
  });

  test('those that are one object get the same claims', async () => {
    const claims = await someClaims(8);
    const wanted = [anInterface('twin', 'eth0'), anInterface('twin', 'eth1')];
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => takeAtLast(claims, ...wanted)));
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
    expect(macsOf(outcomes.slice(0, 1))).toHaveLength(2);
  });
});
