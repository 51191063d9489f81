import { describe, expect, test } from 'vitest';
import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import type { AllocationOutcome, AllocationRequest } from '../../ledger/address/allocate.ts';
import { admissionKey, stickyKey } from '../../ledger/address/holder-key.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { Observation } from '../../ledger/observation/observations.ts';
import { mac } from '../../mac/mac-address.ts';
import type { AddressRequest } from '../plan/plan.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { requestAddress } from './request-address.ts';

const A = mac('a4:58:0f:05:00:01');
const B = mac('a4:58:0f:05:00:02');
const SINCE = new Date('2026-11-30T09:00:00Z');
const OWN: Owner = { clusterId: 'c', kind: 'Pod', namespace: 'web', name: 'web-0', nic: 'eth0' };
const STICKY_KEY = stickyKey(OWN);
const USUAL_KEY = admissionKey({ ...OWN, pool: 'kubernetes' });
const CLAIM = stickyClaimName(OWN);
const BY_NAME: AddressRequest = { nic: 'eth0', sticky: { claim: CLAIM, unusedLimit: 256 } };

const pod: AdmittedObject = {
  kind: 'Pod',
  namespace: 'web',
  name: 'web-0',
  leaseId: undefined,
  requester: { username: 'ann' },
};

function granted(outcome: 'allocated' | 'replayed', address = A, pool = 'kubernetes'): AllocationOutcome {
  return { outcome, mac: address, generation: 1, state: 'pending', pool };
}

function heldBy(owner: Owner, state: 'active' | 'pending' = 'active'): AllocationOutcome {
  return { outcome: 'in_use', mac: A, holder: { state, owner } };
}

/** Asks a ledger that gives these outcomes, one after another. */
async function ask(
  request: AddressRequest,
  outcomes: readonly AllocationOutcome[],
  object: Partial<AdmittedObject> = {},
  found: readonly unknown[] | Error = [],
) {
  const asked: AllocationRequest[] = [];
  const allocator = {
    allocate: (each: AllocationRequest) => {
      const outcome = outcomes[asked.length];
      asked.push(each);
      return outcome === undefined
        ? Promise.reject(new Error('the ledger was asked too often'))
        : Promise.resolve(outcome);
    },
    close: () => Promise.resolve(),
  };
  const query = () => (found instanceof Error ? Promise.reject(found) : Promise.resolve(found));
  const ledger = { query } as unknown as Queryable;
  const terms = { pool: 'kubernetes', since: SINCE };
  const context = { terms, object: { ...pod, ...object }, deadline: Date.now() + 3_000 };
  const result = await requestAddress(request, context, { allocator, ledger, clusterId: 'c', ticket: () => undefined });
  return { result, asked, keys: asked.map(({ key }) => key) };
}

describe('a request for the address of a name', () => {
  test('has a key without a pool, the age of the namespace, and the limit of unused names', async () => {
    const { result, asked } = await ask(BY_NAME, [granted('allocated')]);
    expect(asked).toEqual([
      expect.objectContaining({
        key: STICKY_KEY,
        pool: 'kubernetes',
        namespaceSince: SINCE,
        unusedLimit: 256,
        owner: OWN,
      }),
    ]);
    expect(result).toEqual({ ok: true, mac: A, allocated: { key: STICKY_KEY, mac: A, generation: 1 } });
  });

  test('never releases the address that the name had before', async () => {
    expect((await ask(BY_NAME, [granted('replayed')])).result).toEqual({ ok: true, mac: A });
  });

  test('gets the address of another pool with a warning that says how to get another one', async () => {
    const { result } = await ask(BY_NAME, [granted('replayed', A, 'experiment')]);
    expect(result).toMatchObject({
      ok: true,
      mac: A,
      warning: expect.stringMatching(
        new RegExp(`eth0 keeps.*pool experiment, although.*pool kubernetes.*delete MacAllocation ${CLAIM}`),
      ) as string,
    });
  });

  test.each<['other_namespace' | 'unused_limit', RegExp]>([
    ['other_namespace', /eth0 got an address that is not sticky: .*earlier namespace/],
    ['unused_limit', /eth0 got an address that is not sticky: .* 256 sticky addresses/],
  ])('that ends with %s gets an address of the usual kind, with a warning', async (outcome, warning) => {
    const { result, keys } = await ask(BY_NAME, [{ outcome }, granted('allocated', B)]);
    expect(keys).toEqual([STICKY_KEY, USUAL_KEY]);
    expect(result).toEqual({
      ok: true,
      mac: B,
      allocated: { key: USUAL_KEY, mac: B, generation: 1 },
      warning: expect.stringMatching(warning) as string,
    });
  });

  test('is refused where there is no other address either', async () => {
    const { result } = await ask(BY_NAME, [{ outcome: 'unused_limit' }, { outcome: 'exhausted' }]);
    expect(result).toMatchObject({ ok: false, result: { outcome: 'exhausted' } });
  });

  test.each<[AllocationOutcome]>([
    [{ outcome: 'consumer_unreachable', mac: A, node: 'n1' }],
    [{ outcome: 'exhausted' }],
    [{ outcome: 'pool_paused' }],
  ])('is refused with %j, and nothing else is tried', async (outcome) => {
    expect((await ask(BY_NAME, [outcome])).result).toEqual({ ok: false, request: BY_NAME, result: outcome });
  });
});

describe('an address that an object writes', () => {
  const WRITTEN: AddressRequest = { nic: 'eth0', requested: A };
  const stored = { uid: 'u1' };

  test.each<[string, Partial<AdmittedObject>, Owner]>([
    ['that is made again', {}, OWN],
    ['that is stored, on the interface that has it', stored, OWN],
    ['that is stored, on another of its interfaces', stored, { ...OWN, nic: 'eth1' }],
  ])('is its own if it is the sticky one of its name: an object %s', async (_, object, owner) => {
    const { result, keys } = await ask(WRITTEN, [heldBy(owner), granted('replayed')], object);
    expect(result).toEqual({ ok: true, mac: A });
    expect(keys[1]).toBe(stickyKey(owner));
  });

  test('is refused while the last pod of its name may still run, with the claim that says what to do', async () => {
    const unreachable: AllocationOutcome = { outcome: 'consumer_unreachable', mac: A, node: 'n1' };
    expect((await ask(WRITTEN, [heldBy(OWN), unreachable])).result).toMatchObject({
      ok: false,
      request: { sticky: { claim: CLAIM } },
      result: unreachable,
    });
  });

  test.each<[string, AllocationOutcome]>([
    ['an earlier namespace of this name', { outcome: 'other_namespace' }],
    ['nobody any more, and its name has another one', granted('replayed', B)],
  ])('is refused as before if it belongs to %s', async (_, second) => {
    const { result } = await ask(WRITTEN, [heldBy(OWN), second]);
    expect(result).toMatchObject({ ok: false, request: WRITTEN, result: { outcome: 'in_use' } });
  });

  test('is refused if its name got another one a moment ago, and that is to be released', async () => {
    const { result } = await ask(WRITTEN, [heldBy(OWN), granted('allocated', B)]);
    expect(result).toMatchObject({
      ok: false,
      result: { outcome: 'in_use' },
      allocated: { key: STICKY_KEY, mac: B, generation: 1 },
    });
  });

  test.each<[string, Owner]>([
    ['another name', { ...OWN, name: 'web-1' }],
    ['another namespace', { ...OWN, namespace: 'db' }],
    ['another cluster', { ...OWN, clusterId: 'd' }],
    ['another kind', { ...OWN, kind: 'VirtualMachine' }],
    ['another interface of a name that is not stored', { ...OWN, nic: 'eth1' }],
    ['an object of this name with its own address', { ...OWN, uid: 'u2' }],
  ])('is refused at once if it is of %s', async (_, owner) => {
    const { result, keys } = await ask(WRITTEN, [heldBy(owner)]);
    expect(result).toMatchObject({ ok: false, result: { outcome: 'in_use' } });
    expect(keys).toHaveLength(1);
  });
});

type Place = Partial<Omit<Owner, 'uid'>>;

describe('the address of the name of a machine', () => {
  const machine = { kind: 'VirtualMachine' } as const;
  const ofMachine = { ...OWN, ...machine };
  const seenOn = (object: Place): Observation => ({
    mac: A,
    object: { ...OWN, kind: 'VirtualMachineInstance', uid: 'i', ...object },
    limited: false,
    migrates: true,
    running: true,
    segment: '',
    since: SINCE,
  });

  test.each<[string, Place]>([
    ['another namespace', { namespace: 'db' }],
    ['another cluster', { clusterId: 'd' }],
    ['another name', { name: 'web-1' }],
  ])('goes to nobody while its guest, which migrated to %s, uses it', async (_, place) => {
    const elsewhere = [seenOn(place)];
    const { result, keys } = await ask(BY_NAME, [granted('replayed'), granted('allocated', B)], machine, elsewhere);
    expect(keys).toEqual([stickyKey(ofMachine), admissionKey({ ...ofMachine, pool: 'kubernetes' })]);
    expect(result).toMatchObject({
      ok: true,
      mac: B,
      warning: expect.stringMatching(/not sticky: the guest .* migrated elsewhere/) as string,
    });
    const written = [heldBy(ofMachine), granted('replayed')];
    expect((await ask({ nic: 'eth0', requested: A }, written, machine, elsewhere)).result).toMatchObject({
      ok: false,
      result: { outcome: 'in_use' },
    });
  });

  test('comes back though an instance shows it whose guest never migrated', async () => {
    const bare = [{ ...seenOn({ namespace: 'mallory' }), migrates: false }];
    expect((await ask(BY_NAME, [granted('replayed')], machine, bare)).result).toEqual({ ok: true, mac: A });
  });

  test.each<[string, Place]>([
    ['its own instance', {}],
    ['a pod', { kind: 'Pod', namespace: 'db' }],
  ])('comes back while %s shows it', async (_, place) => {
    expect((await ask(BY_NAME, [granted('replayed')], machine, [seenOn(place)])).result).toEqual({ ok: true, mac: A });
  });

  test('is refused where the ledger does not say who uses it', async () => {
    const error = new LedgerError('LEDGER_TIMEOUT', 'No response');
    const { result } = await ask(BY_NAME, [granted('replayed')], machine, error);
    expect(result).toEqual({ ok: false, request: BY_NAME, result: { outcome: 'ledger_error', error } });
  });

  test('is rolled back then if it is new', async () => {
    const error = new LedgerError('LEDGER_TIMEOUT', 'No response');
    const { result } = await ask(BY_NAME, [granted('allocated')], machine, error);
    expect(result).toMatchObject({ ok: false, allocated: { key: stickyKey(ofMachine), mac: A, generation: 1 } });
  });
});

describe('a written address that another machine holds', () => {
  const receiver = { kind: 'VirtualMachine', name: 'desk', waitsAsReceiver: true } as const;
  const source: Owner = { ...OWN, kind: 'VirtualMachine', namespace: 'old', name: 'desk', uid: 'u1' };
  const row = (name: string) => ({
    handover: { clusterId: 'c', namespace: 'web', name, asked: 'x', ended: false, left: false },
  });

  test('stays with it, and the receiver to which it is offered has it too, with a warning', async () => {
    const { result } = await ask({ nic: 'blue', requested: A }, [heldBy(source)], receiver, [row('desk')]);
    expect(result).toEqual({
      ok: true,
      mac: A,
      warning: `rock-mac: ${A} on blue still belongs to the machine whose guest this one waits for. This machine gets it when that one is deleted`,
    });
  });

  test('is refused to every other machine as if it were offered to nobody', async () => {
    const offered = await ask({ nic: 'blue', requested: A }, [heldBy(source)], receiver, [row('other')]);
    const usual = await ask({ nic: 'blue', requested: A }, [heldBy(source)], receiver);
    expect(offered.result).toEqual(usual.result);
    expect(usual.result).toMatchObject({ ok: false, result: { outcome: 'in_use' } });
  });
});

describe('an address outside of the pool', () => {
  const owner: Owner = { clusterId: 'c', kind: 'VirtualMachine', namespace: 'web', name: 'db', nic: 'blue' };
  const machine = { kind: 'VirtualMachine', name: 'db' } as const;
  const request: AddressRequest = { nic: 'blue', requested: A };
  const rowOf = (last: Owner, allocatedAt = SINCE) => ({
    mac: A,
    pool: 'production',
    state: 'released',
    owner: last,
    allocatedAt,
  });
  const asks = async (row: unknown, object: Partial<AdmittedObject> = machine) => {
    const { asked, result } = await ask(
      request,
      [{ outcome: 'out_of_range' }, granted('allocated', A, 'production')],
      object,
      [row],
    );
    return { pools: asked.map(({ pool }) => pool), ok: result.ok };
  };

  test('is asked of its own pool if the machine that is made again had it last', async () => {
    expect(await asks(rowOf(owner))).toEqual({ pools: ['kubernetes', 'production'], ok: true });
  });

  test.each([
    ['on another interface', rowOf({ ...owner, nic: 'red' })],
    ['in another namespace', rowOf({ ...owner, namespace: 'lab' })],
    ['in an earlier namespace of that name', rowOf(owner, new Date(SINCE.getTime() - 1))],
    ['in another cluster', rowOf({ ...owner, clusterId: 'd' })],
  ])('is refused if a machine had it %s', async (_, row) => {
    expect(await asks(row)).toEqual({ pools: ['kubernetes'], ok: false });
  });

  test('is refused to a stored machine, and to a pod', async () => {
    expect(await asks(rowOf(owner), { ...machine, uid: 'u' })).toMatchObject({ ok: false });
    expect(await asks(rowOf({ ...owner, kind: 'Pod', name: 'web-0' }), {})).toMatchObject({ ok: false });
  });
});
