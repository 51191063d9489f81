import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findByMac } from '../../ledger/address/find.ts';
import { offer } from '../../ledger/address/handover.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { registerCluster, retireCluster } from '../../ledger/state/clusters.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { auditOf, installedEnvOfThisFile } from './installed-env.ts';
import {
  instance,
  interfacesPatch,
  machine,
  machinesIn,
  prepareMachines,
  untilRow,
  withoutMigration,
} from './receiving-machines.ts';

/*
 * A guest that migrates to a machine of another namespace, which has its addresses: a real API server, webhook, operator and
 * ledger. KubeVirt's writes are scripted.
 */

const installed = installedEnvOfThisFile({ env: { ROCK_MAC_RESYNC_SECONDS: '2' } });

const WITHOUT_FINALIZERS = '{"metadata":{"finalizers":null}}';

const source = () => machinesIn(installed().plane, 'old');
const target = () => machinesIn(installed().plane, 'new');
const rowOf = (address: string) => findByMac(installed().ledger, mac(address));
const until = (address: string, row: object) => untilRow(installed().ledger, address, row);

beforeAll(() => prepareMachines(installed().plane, ['old', 'new']));

/** A source whose address the ledger has bound. */
async function aSource(name: string) {
  const uid = await source().create(machine(name));
  const address = await source().addressOf(name);
  await until(address, { state: 'active', owner: { uid } });
  return { uid, address };
}

/** A source and the machine to which it offers its address, which has it. */
async function anOffer(name: string) {
  const { address, uid } = await aSource(name);
  await source().offer(name, `new/${name}`);
  await until(address, { handover: { namespace: 'new', name, left: false } });
  expect(await target().tryReceive(name, address)).toBe('admitted');
  return { address, uid };
}

async function untilObserved(address: string, count: number): Promise<void> {
  await eventually(
    async () => {
      expect(await observationsOfMac(installed().ledger, mac(address))).toHaveLength(count);
    },
    { within: 30_000, every: 100 },
  );
}

async function actionsOn(address: string): Promise<readonly string[]> {
  return (await auditOf(installed().ledger, address)).map(({ action }) => action);
}

/** Limits the addresses of a namespace in its MacPool: the operator would undo a limit that is in the ledger only. */
async function limitPerNamespace(count: number | null): Promise<void> {
  const { plane, ledger } = installed();
  const spec = JSON.stringify({ spec: { maxPerNamespace: count } });
  await plane.kubectl(['patch', 'macpool', 'kubernetes', '--type=merge', '-p', spec]);
  const limits = {
    text: 'select max_per_namespace as limit from rock_mac.pool_limits',
    values: [],
    row: z.object({ limit: z.int() }),
  };
  await eventually(
    async () => {
      expect(await ledger.query(limits)).toEqual(count === null ? [] : [{ limit: count }]);
    },
    { within: 30_000, every: 100 },
  );
}

async function replaceOperator(): Promise<void> {
  const { installation, ledgerProxy } = installed();
  await Promise.all(installation.operators.map((operator) => operator.kill()));
  await ledgerProxy.heal();
  await installation.startOperator();
}

describe('the receiver of a guest', () => {
  test('has the address of the source while both exist, and owns it when the source ends', async () => {
    const { address, uid } = await anOffer('desk');
    const receiver = await target().uidOf('desk');
    await source().create(instance('desk', uid, address));
    await target().create(instance('desk', receiver, address));
    await untilObserved(address, 1);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { uid }, generation: 1 });
    // The garbage collector would delete the instance.
    await installed().plane.kubectl([
      'patch',
      'vmi',
      'desk',
      '-n',
      'old',
      '--type=merge',
      '-p',
      '{"metadata":{"ownerReferences":null}}',
    ]);
    await source().remove('vm/desk');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await rowOf(address), 'the guest of the source still runs').toMatchObject({ owner: { uid } });
    await source().remove('vmi/desk');
    await until(address, { state: 'active', owner: { uid: receiver, namespace: 'new' }, generation: 2 });
    await untilObserved(address, 0);
    expect(await actionsOn(address)).toEqual(['allocate', 'bind', 'transfer']);
    expect(await target().mirrorsOf(address)).toBe('desk');
    await eventually(
      async () => {
        expect(await source().mirrorsOf(address)).toBe('');
      },
      { within: 20_000, every: 200 },
    );
    expect(`${await source().events()} ${await target().events()}`).not.toContain('AddressConflict');
    await target().remove('vm/desk', 'vmi/desk', '--ignore-not-found');
    await until(address, { state: 'released' });
    expect(await actionsOn(address)).toEqual(['allocate', 'bind', 'transfer', 'release']);
  });

  test('owns the address too if the source ended right after it was created', async () => {
    const { address } = await anOffer('early-end');
    await source().remove('vm/early-end');
    await until(address, { state: 'active', owner: { namespace: 'new' } });
    expect(await actionsOn(address)).toEqual(['allocate', 'bind', 'transfer']);
  });

  test('does not get the address while a guest uses it at a third machine', async () => {
    const { address } = await anOffer('third-party');
    const third = await target().create(machine('third'));
    await target().create(instance('third', third, address, await target().addressOf('third')));
    await untilObserved(address, 2);
    await source().remove('vm/third-party');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await rowOf(address)).toMatchObject({ owner: { namespace: 'old' }, handover: { ended: false } });
    await target().remove('vmi/third');
    await until(address, { state: 'active', owner: { namespace: 'new', name: 'third-party' } });
    await target().remove('vm/third');
  });

  test('gets the address when the quota of its namespace has room, and until then nobody does', async () => {
    const { address } = await anOffer('quota');
    await target().create(machine('fills'));
    await until(await target().addressOf('fills'), { state: 'active', owner: { namespace: 'new' } });
    await limitPerNamespace(1);
    await source().remove('vm/quota');
    await eventually(
      async () => {
        expect(await target().events()).toContain('AddressNotReceived');
      },
      { within: 30_000, every: 200 },
    );
    expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { namespace: 'old' } });
    await limitPerNamespace(null);
    await until(address, { state: 'active', owner: { namespace: 'new' } });
  });

  test('does not get the address while its namespace has as many as its annotation allows', async () => {
    const { plane } = installed();
    const { address } = await anOffer('full');
    await plane.kubectl(['annotate', 'namespace', 'new', 'mac.rock-os.io/max-addresses=1']);
    await source().remove('vm/full');
    await until(address, { handover: { left: true } });
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { namespace: 'old' } });
    await plane.kubectl(['annotate', 'namespace', 'new', 'mac.rock-os.io/max-addresses-']);
    await until(address, { state: 'active', owner: { namespace: 'new' } });
  });
});

describe('no machine has the address of another one', () => {
  test('without its consent, under another name, or if it does not wait for a guest', async () => {
    const { address } = await aSource('mine');
    const refused = /held by another owner/;
    const without = await target().tryReceive('mine', address);
    expect(without).toMatch(refused);
    await source().offer('mine', 'new/mine');
    await until(address, { handover: { name: 'mine' } });
    const other = await target().tryReceive('yours', address);
    expect(other.replaceAll('yours', 'mine'), 'the refusal says nothing about the offer').toBe(without);
    expect(await target().tryReceive('mine', address, 'Always')).toMatch(refused);
    await source().withdraw('mine');
    await until(address, { handover: undefined });
    expect(await target().tryReceive('mine', address)).toMatch(refused);
    await source().offer('mine', 'nowhere/new/mine');
    await eventually(
      async () => {
        expect(await source().events()).toContain('AddressNotOffered');
      },
      { within: 20_000, every: 100 },
    );
    expect(await target().tryReceive('mine', address)).toMatch(refused);
  });
});

test('an offer that the ledger refused is recorded by a resync once it is possible, and one that was lost too', async () => {
  const { ledger } = installed();
  const { address } = await aSource('later');
  await source().offer('later', 'west/new/later');
  await eventually(
    async () => {
      expect(await source().events()).toContain('AddressNotOffered');
    },
    { within: 20_000, every: 100 },
  );
  await registerCluster(ledger, { clusterId: 'west-id', name: 'west' }, 'test');
  await until(address, { handover: { clusterId: 'west-id', namespace: 'new', name: 'later' } });
  await ledger.query({ text: 'delete from rock_mac.handovers', values: [], row: z.object({}) });
  await until(address, { handover: { clusterId: 'west-id' } });
  await retireCluster(ledger, 'west-id', 'test');
  await source().remove('vm/later');
  await until(address, { state: 'released' });
});

describe('an address is released as usual when its machine ends', () => {
  test('if the consent was withdrawn before, also though the receiver exists', async () => {
    const { address } = await anOffer('regret');
    await source().withdraw('regret');
    await until(address, { handover: undefined });
    await source().remove('vm/regret');
    await until(address, { state: 'released' });
    expect(await actionsOn(address)).toEqual(['allocate', 'bind', 'release']);
  });

  test('if the receiver does not exist, or no longer', async () => {
    const { address: never } = await aSource('never');
    await source().offer('never', 'new/never');
    await until(never, { handover: { name: 'never' } });
    await source().remove('vm/never');
    await until(never, { state: 'released' });

    const { address } = await anOffer('no-longer');
    await untilObserved(address, 1);
    await target().remove('vm/no-longer');
    await source().remove('vm/no-longer');
    await until(address, { state: 'released' });
  });
});

test('a receiver that runs a guest of its own beside that of the source is a conflict, which no longer counts when it ends', async () => {
  const { address, uid } = await anOffer('beside');
  const receiver = await target().uidOf('beside');
  const conflicts = () => installed().installation.operators[0]?.metric('rockmac_conflicts');
  await source().create(instance('beside', uid, address));
  await target().create(withoutMigration(instance('beside', receiver, address)));
  await eventually(
    async () => {
      expect(await target().events()).toContain('AddressConflict');
      // Both guests.
      expect(await conflicts()).toBe(2);
    },
    { within: 30_000, every: 200 },
  );
  expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { uid } });
  await target().remove('vmi/beside');
  await eventually(
    async () => {
      expect(await conflicts()).toBe(0);
    },
    { within: 30_000, every: 200 },
  );
  await target().remove('vm/beside');
  await source().remove('vmi/beside', 'vm/beside');
});

test('an address that nobody left goes to the receiver, after the source was deleted together with its mirror', async () => {
  const { plane, installation } = installed();
  const { address } = await anOffer('unseen');
  await untilObserved(address, 1);
  await Promise.all(installation.operators.map((operator) => operator.kill()));
  await source().remove('vm/unseen');
  const mirror = await source().mirrorNames(address);
  await plane.kubectl(['patch', 'macallocation', mirror, '-n', 'old', '--type=merge', '-p', WITHOUT_FINALIZERS]);
  await source().remove(`macallocation/${mirror}`);
  await installation.startOperator();
  await until(address, { state: 'active', owner: { namespace: 'new', name: 'unseen' } });
  expect(await actionsOn(address)).toEqual(['allocate', 'bind', 'transfer']);
});

test('a machine that is made again under the name of the source does not get what it left', async () => {
  const { address } = await anOffer('twin');
  await Promise.all(installed().installation.operators.map((operator) => operator.kill()));
  await source().remove('vm/twin');
  expect(await source().tryReceive('twin', address, 'Always')).toMatch(/held by another owner/);
  await source().create(machine('twin'));
  expect(await source().addressOf('twin')).not.toBe(address);
  await installed().installation.startOperator();
  await until(address, { state: 'active', owner: { namespace: 'new' } });
});

describe('an operator that is killed', () => {
  test('after the address was left, before it was received: the next one gives it to the receiver', async () => {
    const { ledgerProxy } = installed();
    const { address } = await anOffer('crash-left');
    ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.leave_address') });
    await source().remove('vm/crash-left');
    await until(address, { handover: { left: true } });
    await replaceOperator();
    await until(address, { state: 'active', owner: { namespace: 'new' } });
    expect(await actionsOn(address)).toEqual(['allocate', 'bind', 'transfer']);
  });

  test('after the ledger moved the address, before the answer: the next one finds it done', async () => {
    const { ledgerProxy } = installed();
    const { address } = await anOffer('crash-moved');
    await untilObserved(address, 1);
    ledgerProxy.dropAnswers({ when: (request) => request.includes('rock_mac.receive_address') });
    await source().remove('vm/crash-moved');
    await until(address, { owner: { namespace: 'new' } });
    await replaceOperator();
    await eventually(
      async () => {
        expect(await target().mirrorsOf(address)).toBe('crash-moved');
        expect(await source().mirrorsOf(address)).toBe('');
      },
      { within: 60_000, every: 200 },
    );
    await target().remove('vm/crash-moved');
    await until(address, { state: 'released' });
    expect(await actionsOn(address)).toEqual(['allocate', 'bind', 'transfer', 'release']);
  });

  test('after the mirror of the receiver was stored, and the source uses the address again: the next one ends the mirror', async () => {
    const { ledger, installation, plane } = installed();
    const { address, uid } = await anOffer('crash-mirror');
    await untilObserved(address, 1);
    await ledger.transaction(async (db) => {
      // No address changes its owner while somebody has the pool.
      const text = `select 1 as one from rock_mac.pools for no key update`;
      await db.query({ text, values: [], row: z.object({ one: z.int() }) });
      await plane.kubectl(['patch', 'vm', 'crash-mirror', '-n', 'old', '--type=merge', '-p', interfacesPatch()]);
      await eventually(
        async () => {
          expect(await target().mirrorsOf(address)).toBe('crash-mirror');
        },
        { within: 60_000, every: 100 },
      );
      await Promise.all(installation.operators.map((operator) => operator.kill()));
      const row = await findByMac(db, mac(address));
      expect(row).toMatchObject({ handover: { left: true }, generation: 1 });
      if (row !== undefined) expect(await offer(db, [row])).toEqual([{ outcome: 'withdrawn' }]);
    });
    await source().withdraw('crash-mirror');
    await plane.kubectl(['patch', 'vm', 'crash-mirror', '-n', 'old', '--type=merge', '-p', interfacesPatch(address)]);
    await installation.startOperator();
    await eventually(
      async () => {
        expect(await target().mirrorsOf(address)).toBe('');
      },
      { within: 60_000, every: 200 },
    );
    expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { uid }, generation: 1 });
    await target().remove('vm/crash-mirror');
  });

  test('after the source ended, and the receiver with it: the next one releases the address', async () => {
    const { address } = await anOffer('crash-both');
    await untilObserved(address, 1);
    await Promise.all(installed().installation.operators.map((operator) => operator.kill()));
    await source().remove('vm/crash-both');
    await target().remove('vm/crash-both');
    await installed().installation.startOperator();
    await until(address, { state: 'released' });
  });
});
