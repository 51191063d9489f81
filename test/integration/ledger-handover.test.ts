import { beforeAll, describe, expect, test } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import { bind } from '../../ledger/address/bind.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { leave, offer, type OfferItem, receive, type ReceiveItem } from '../../ledger/address/handover.ts';
import { markMissing } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { listAudit } from '../../ledger/audit.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { limitPool } from '../../ledger/pool/pools.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { auditAndTable, replay } from './ledger-audit-replay.ts';
import {
  aRequest,
  aStickyRequest,
  findingsExceptClock,
  joinCluster,
  ledgerOfThisFile,
  retryTransient,
  takeAddress,
  untilLockWait,
} from './ledger-fixture.ts';

const ledger = ledgerOfThisFile({ max: 8 });
const by = { actor: 'test', reason: 'test' };

const aMachine = (clusterId: string, namespace: string, name: string) => {
  return { clusterId, kind: 'VirtualMachine', namespace, name, uid: `${clusterId}/${namespace}/${name}`, nic: 'blue' };
};

/** Returns an address of a machine of the namespace `old`. */
async function hold(name: string): Promise<AddressRef> {
  return takeAddress(ledger.current, aRequest({ key: `machine/${name}`, owner: aMachine('c1', 'old', name) }));
}

const to = (cluster: string, name: string) => ({ cluster, namespace: 'new', name, asked: `${cluster}/new/${name}` });

async function offerOne(item: OfferItem) {
  return (await offer(ledger.current.db, [item]))[0]?.outcome;
}

async function leaveOne(ref: AddressRef, inUse = false) {
  return (await leave(ledger.current.db, [{ ...ref, inUse }]))[0]?.outcome;
}

const receiverOf = (ref: AddressRef, name: string, clusterId = 'c2'): ReceiveItem => ({
  ...{ ...ref, newKey: `machine/new-${clusterId}-${name}`, owner: aMachine(clusterId, 'new', name) },
  ...{ requester: 'ada', reason: 'left by VirtualMachine old/x' },
});

async function receiveOne(item: ReceiveItem) {
  return (await receive(ledger.current.db, [item], 'operator'))[0];
}

/** The cluster of the receiver reports that it has the address. */
async function observeAt(ref: AddressRef, name: string, clusterId = 'c2'): Promise<void> {
  const seen = { mac: ref.mac, object: aMachine(clusterId, 'new', name), limited: false };
  expect(await observe(ledger.current.db, [seen], 'test')).toEqual([{ outcome: 'observed' }]);
}

/** A cluster completes a resync that finds nothing new. */
async function resyncOf(clusterId: string): Promise<void> {
  await markMissing(ledger.current.db, { clusterId, startedAt: new Date(0), seen: [] });
}

/** Returns an address that its machine has left to the one of this name in cluster `c2`. */
async function leftTo(name: string): Promise<AddressRef> {
  const ref = await hold(name);
  expect(await offerOne({ ...ref, to: to('c2', name) })).toBe('offered');
  await observeAt(ref, name);
  expect(await leaveOne(ref)).toBe('left');
  return ref;
}

beforeAll(async () => {
  for (const cluster of ['c1', 'c2', 'c3']) await joinCluster(ledger.current.db, cluster);
});

describe('an address that a machine offers to another one', () => {
  test('moves into the other cluster in one change, after its owner has left it', async () => {
    const { db } = ledger.current;
    const ref = await hold('moves');
    expect(await offerOne({ ...ref, to: to('c2', 'moves') })).toBe('offered');
    const since = expect.any(Date) as Date;
    const offered = {
      clusterId: 'c2',
      clusterName: 'c2',
      namespace: 'new',
      name: 'moves',
      asked: 'c2/new/moves',
      since,
    };
    expect((await findByMac(db, ref.mac))?.handover).toEqual({ ...offered, ended: false, left: false });
    await observeAt(ref, 'moves');
    const item = receiverOf(ref, 'moves');
    expect(await receiveOne(item)).toEqual({ outcome: 'not_left' });
    expect(await leaveOne(ref)).toBe('left');
    expect((await findByMac(db, ref.mac))?.handover).toEqual({ ...offered, ended: true, left: true });
    expect(await receiveOne(item)).toEqual({ outcome: 'received', generation: ref.generation + 1 });
    expect(await findByMac(db, ref.mac)).toMatchObject({
      ...{ state: 'active', key: item.newKey, owner: item.owner, origin: 'transfer', observed: false },
      ...{ generation: ref.generation + 1, requester: 'ada', handover: undefined },
    });
    expect(await observationsOfMac(db, ref.mac)).toEqual([]);
    expect((await listAudit(db, { mac: ref.mac })).map(({ action, owner }) => [action, owner])).toEqual([
      ['transfer', 'VirtualMachine/new/moves/blue'],
      ['allocate', 'VirtualMachine/old/moves/blue'],
    ]);
    expect(await receiveOne(item)).toEqual({ outcome: 'received', generation: ref.generation + 1 });
    expect(await release(db, [ref], by)).toEqual([{ outcome: 'not_owner' }]);
    const { entries, table } = await auditAndTable(db);
    expect(replay(entries)).toEqual(table);
    expect(await findingsExceptClock(db)).toEqual([]);
  });

  test('is left to a machine of the own cluster that the caller saw, and to none that has it not', async () => {
    const ref = await hold('own-cluster');
    await offerOne({ ...ref, to: to('c1', 'own-cluster') });
    await observeAt(ref, 'other-name', 'c1');
    expect(await leaveOne(ref)).toBe('no_receiver');
    expect(await leaveOne(ref, true)).toBe('left');
    expect(await receiveOne(receiverOf(ref, 'own-cluster', 'c1'))).toMatchObject({ outcome: 'received' });
    const abroad = await hold('abroad');
    await offerOne({ ...abroad, to: to('c2', 'abroad') });
    expect(await leaveOne(abroad, true), 'nobody sees into another cluster').toBe('waits');
  });

  test('waits until the other cluster has completed a resync after its owner ended', async () => {
    const ref = await hold('away');
    await offerOne({ ...ref, to: to('c2', 'away') });
    await resyncOf('c2');
    expect(await leaveOne(ref)).toBe('waits');
    expect((await findByMac(ledger.current.db, ref.mac))?.handover).toMatchObject({ ended: true, left: false });
    expect(await receiveOne(receiverOf(ref, 'away'))).toEqual({ outcome: 'not_left' });
    await resyncOf('c1');
    await resyncOf('c3');
    expect(await leaveOne(ref)).toBe('waits');
    await resyncOf('c2');
    expect(await leaveOne(ref)).toBe('no_receiver');
    // Its owner uses it again, and ends a second time.
    expect(await offerOne({ ...ref, to: to('c2', 'away') })).toBe('offered');
    expect((await findByMac(ledger.current.db, ref.mac))?.handover).toMatchObject({ ended: false });
    expect(await leaveOne(ref)).toBe('waits');
    await observeAt(ref, 'away');
    await resyncOf('c2');
    expect(await leaveOne(ref)).toBe('left');
    expect(await receiveOne(receiverOf(ref, 'away'))).toMatchObject({ outcome: 'received' });
  });

  test('is left to no machine of a retired cluster', async () => {
    const { db } = ledger.current;
    const [seen, unseen] = [await hold('retired-seen'), await hold('retired-unseen')];
    for (const cluster of ['c6', 'c7']) await joinCluster(db, cluster);
    await offerOne({ ...seen, to: to('c6', 'retired-seen') });
    await offerOne({ ...unseen, to: to('c7', 'retired-unseen') });
    await observeAt(seen, 'retired-seen', 'c6');
    expect([await leaveOne(seen), await leaveOne(unseen)]).toEqual(['left', 'waits']);
    await retireCluster(db, 'c6', 'test');
    await retireCluster(db, 'c7', 'test');
    expect([await leaveOne(seen), await leaveOne(unseen)]).toEqual(['no_receiver', 'no_receiver']);
  });

  test('is not received after the offer was withdrawn, and the machine uses it again', async () => {
    const ref = await leftTo('withdrawn');
    expect(await offerOne({ ...ref, to: to('c2', 'withdrawn') })).toBe('offered');
    expect(await receiveOne(receiverOf(ref, 'withdrawn'))).toEqual({ outcome: 'not_left' });
    expect(await leaveOne(ref)).toBe('left');
    expect(await offerOne(ref)).toBe('withdrawn');
    expect(await receiveOne(receiverOf(ref, 'withdrawn'))).toEqual({ outcome: 'not_offered' });
    expect(await leaveOne(ref)).toBe('not_offered');
  });

  test('is received by no other machine: name, namespace, cluster, kind', async () => {
    const ref = await leftTo('target');
    const item = receiverOf(ref, 'target');
    for (const owner of [
      { ...item.owner, name: 'other' },
      { ...item.owner, namespace: 'other' },
      { ...item.owner, clusterId: 'c3' },
      { ...item.owner, kind: 'Pod' },
    ])
      expect(await receiveOne({ ...item, owner })).toEqual({ outcome: 'not_offered' });
    expect(await receiveOne({ ...item, generation: item.generation + 1 })).toEqual({ outcome: 'not_offered' });
    expect(await receiveOne({ ...item, key: 'another owner' })).toEqual({ outcome: 'not_offered' });
    expect((await findByMac(ledger.current.db, ref.mac))?.owner?.namespace).toBe('old');
  });

  test('is not received after its release, and a new owner has offered nothing', async () => {
    const { db } = ledger.current;
    const ref = await leftTo('released');
    const { key } = ref;
    expect(await release(db, [ref], by)).toEqual([{ outcome: 'released' }]);
    expect(await receiveOne(receiverOf(ref, 'released'))).toEqual({ outcome: 'not_offered' });
    // The key of a machine may come again, the generation does not.
    const adopted = { mac: ref.mac, key, owner: aMachine('c1', 'old', 'released'), requester: 'ada' };
    expect(await adopt(db, [adopted], 'test')).toMatchObject([{ outcome: 'adopted' }]);
    expect((await findByMac(db, ref.mac))?.handover).toBeUndefined();
    const next = { ...receiverOf(ref, 'released'), generation: ref.generation + 1 };
    expect(await receiveOne(next)).toEqual({ outcome: 'not_offered' });
  });

  test('does not go to the machine that is made again under the name of its owner', async () => {
    const { db } = ledger.current;
    const ref = await hold('again');
    const owner = { ...aMachine('c1', 'old', 'again'), uid: 'second' };
    const item = { mac: ref.mac, key: ref.key, boundKey: 'machine/again-2', owner };
    await offerOne({ ...ref, to: to('c2', 'again') });
    expect(await bind(db, [item], 'test')).toMatchObject([{ outcome: 'conflict' }]);
    await offerOne(ref);
    expect(await bind(db, [item], 'test')).toMatchObject([{ outcome: 'bound' }]);
  });

  test('counts in the quota of the namespace that receives it', async () => {
    const { db } = ledger.current;
    const ref = await leftTo('quota');
    await takeAddress(ledger.current, aRequest({ key: 'machine/full', owner: aMachine('c2', 'new', 'full') }));
    await limitPool(db, { clusterId: 'c2', pool: 'development' }, 1);
    expect(await receiveOne(receiverOf(ref, 'quota'))).toEqual({ outcome: 'pool_quota' });
    await limitPool(db, { clusterId: 'c2', pool: 'development' }, undefined);
    const [used] = await ledger.current.sql(
      `select count(*)::int as held from rock_mac.addresses where cluster_id = 'c2' and owner_namespace = 'new' and state <> 'released'`,
    );
    const limited = (maxAddresses: number) => receiveOne({ ...receiverOf(ref, 'quota'), maxAddresses });
    expect(await limited(Number(used?.held))).toEqual({ outcome: 'namespace_quota' });
    expect(await limited(Number(used?.held) + 1)).toMatchObject({ outcome: 'received' });
    expect(await receiveOne(receiverOf(ref, 'quota'))).toMatchObject({ outcome: 'received' });
  });
});

describe('no address is offered', () => {
  test('to a cluster that the ledger does not know, or knows twice', async () => {
    const { db, sql } = ledger.current;
    const ref = await hold('whereto');
    expect(await offerOne({ ...ref, to: to('c2', 'whereto') })).toBe('offered');
    const since = (await findByMac(db, ref.mac))?.handover?.since;
    expect(await offerOne({ ...ref, to: to('c2', 'whereto') })).toBe('offered');
    expect((await findByMac(db, ref.mac))?.handover?.since, 'a repeated offer is no new one').toEqual(since);
    expect(await offerOne({ ...ref, to: to('c3', 'whereto') })).toBe('offered');
    expect((await findByMac(db, ref.mac))?.handover?.since).not.toEqual(since);
    expect(await offerOne({ ...ref, to: to('nowhere', 'whereto') })).toBe('unknown_cluster');
    expect((await findByMac(db, ref.mac))?.handover, 'the last offer is no longer wanted').toBeUndefined();
    await joinCluster(db, 'c8');
    await joinCluster(db, 'c9');
    await sql(`update rock_mac.clusters set name = 'twice' where cluster_id in ('c8', 'c9')`);
    expect(await offerOne({ ...ref, to: to('twice', 'whereto') })).toBe('ambiguous_cluster');
    expect((await findByMac(db, ref.mac))?.handover).toBeUndefined();
    await retireCluster(db, 'c9', 'test');
    expect(await offerOne({ ...ref, to: to('twice', 'whereto') })).toBe('offered');
    expect((await findByMac(db, ref.mac))?.handover?.clusterId).toBe('c8');
  });

  test('to a cluster that has the uid of another one as its name', async () => {
    const { db, sql } = ledger.current;
    const ref = await hold('called');
    const [uid, retired] = ['0b5e7a10-9a3c-4d0e-8f11-2c3d4e5f6a70', '0b5e7a10-9a3c-4d0e-8f11-2c3d4e5f6a71'];
    await joinCluster(db, uid);
    await joinCluster(db, 'c10');
    await sql(`update rock_mac.clusters set name = '${uid}' where cluster_id = 'c10'`);
    expect(await offerOne({ ...ref, to: to(uid, 'called') })).toBe('offered');
    expect((await findByMac(db, ref.mac))?.handover?.clusterId).toBe(uid);
    await joinCluster(db, retired);
    await sql(`update rock_mac.clusters set name = '${retired}' where cluster_id = 'c10'`);
    await retireCluster(db, retired, 'test');
    expect(await offerOne({ ...ref, to: to(retired, 'called') })).toBe('unknown_cluster');
  });

  test('to a cluster that has the name of another one as its id, which a new login may choose', async () => {
    const { db, sql } = ledger.current;
    const ref = await hold('berlin');
    await joinCluster(db, 'c12');
    await sql(`update rock_mac.clusters set name = 'berlin' where cluster_id = 'c12'`);
    expect(await offerOne({ ...ref, to: to('berlin', 'x') })).toBe('offered');
    await joinCluster(db, 'berlin');
    expect(await offerOne({ ...ref, to: to('berlin', 'x') })).toBe('ambiguous_cluster');
    expect((await findByMac(db, ref.mac))?.handover).toBeUndefined();
    expect(await offerOne({ ...ref, to: to('c12', 'x') })).toBe('offered');
  });

  test('to its own machine, by a former owner, of a pod, or of a name', async () => {
    const ref = await hold('self');
    const self = { cluster: 'c1', namespace: 'old', name: 'self', asked: 'old/self' };
    expect(await offerOne({ ...ref, to: self })).toBe('withdrawn');
    expect(await offerOne({ ...ref, key: 'former', to: to('c2', 'x') })).toBe('not_owner');
    const pod = await takeAddress(
      ledger.current,
      aRequest({ key: 'pod', owner: { ...aMachine('c1', 'old', 'pod'), kind: 'Pod' } }),
    );
    expect(await offerOne({ ...pod, to: to('c2', 'x') })).toBe('not_held');
    const { uid: _, ...named } = aMachine('c1', 'old', 'sticky-0');
    const sticky = await takeAddress(ledger.current, aStickyRequest('sticky-0', { owner: named }));
    await bind(ledger.current.db, [{ ...sticky, boundKey: sticky.key, owner: named }], 'test');
    expect(await offerOne({ ...sticky, to: to('c2', 'x') })).toBe('not_held');
  });
});

describe('at the same moment', () => {
  test.each<[string, (ref: AddressRef, db: Queryable) => Promise<unknown>, string]>([
    ['a release', (ref, db) => release(db, [ref], by), 'not_offered'],
    ['the withdrawal of the offer', (ref, db) => offer(db, [ref]), 'not_offered'],
    ['a use by its owner', (ref, db) => offer(db, [{ ...ref, to: to('c2', 'waits') }]), 'not_left'],
  ])('as %s that came first, a receiver waits and then gets nothing', async (_, first, wanted) => {
    const ref = await leftTo('waits');
    const late = Promise.withResolvers<unknown>();
    await ledger.current.db.transaction(async (db) => {
      await first(ref, db);
      late.resolve(receiveOne(receiverOf(ref, 'waits')));
      await untilLockWait(ledger.current);
    });
    expect(await late.promise).toEqual({ outcome: wanted });
    await release(ledger.current.db, [ref], by);
  });

  test('as a receiver that came first, a release changes nothing', async () => {
    const ref = await leftTo('first');
    const late = Promise.withResolvers<unknown>();
    await ledger.current.db.transaction(async (db) => {
      expect(await receive(db, [receiverOf(ref, 'first')], 'operator')).toMatchObject([{ outcome: 'received' }]);
      late.resolve(retryTransient(() => release(ledger.current.db, [ref], by)));
      await untilLockWait(ledger.current);
    });
    expect(await late.promise).toEqual([{ outcome: 'not_owner' }]);
  });
});
