import { expect, test } from 'vitest';
import type { AllocationOutcome } from '../../ledger/address/allocate.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { mac } from '../../mac/mac-address.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { unavailable } from '../review/refusal.ts';
import { allocateForObject, type AllocationDeps } from './allocate-for-object.ts';
import type { NewAddress } from './request-address.ts';

const A = mac('a4:58:0f:05:00:01');
const B = mac('a4:58:0f:05:00:02');
const object: AdmittedObject = {
  kind: 'Pod',
  namespace: 'web',
  name: 'p',
  leaseId: undefined,
  requester: { username: 'ann' },
};
const REQUESTS = { requests: [{ nic: 'eth0' }, { nic: 'eth1' }], terms: { pool: 'kubernetes' } };
const never = new Promise<never>(() => undefined);

/** Allocates an address for the first interface, and has the given outcome for the second. */
function ledgerWith(second: () => Promise<AllocationOutcome>, releaseAddresses: AllocationDeps['releaseAddresses']) {
  let calls = 0;
  const deps: AllocationDeps = {
    allocator: {
      allocate: () => {
        if (++calls > 1) return second();
        return Promise.resolve({ outcome: 'allocated', mac: A, generation: 1, state: 'pending', pool: 'kubernetes' });
      },
      close: () => Promise.resolve(),
    },
    ledger: { query: () => never },
    clusterId: 'c',
    ticket: () => undefined,
    claimLeaseSeconds: 60,
    knowsCallers: true,
    findClaim: () => never,
    releaseAddresses,
    explainRefusal: () => Promise.resolve(unavailable('no')),
  };
  return { deps, calls: () => calls };
}

test('the address of one interface is released when another interface is refused', async () => {
  const released: NewAddress[] = [];
  const { deps } = ledgerWith(
    () => Promise.resolve({ outcome: 'exhausted' }),
    (addresses) => {
      released.push(...addresses);
      return Promise.resolve();
    },
  );
  expect(await allocateForObject(REQUESTS, object, deps, Date.now() + 3_000)).toMatchObject({ ok: false });
  expect(released.map(({ mac: address }) => address)).toEqual([A]);
});

test('an address that its name got although another one was written is released', async () => {
  const released: NewAddress[] = [];
  const owner = { clusterId: 'c', kind: 'Pod', namespace: 'web', name: 'p', nic: 'eth0' };
  const outcomes: AllocationOutcome[] = [
    { outcome: 'in_use', mac: A, holder: { state: 'active', owner } },
    { outcome: 'allocated', mac: B, generation: 1, state: 'pending', pool: 'kubernetes' },
  ];
  const { deps } = ledgerWith(
    () => never,
    (addresses) => {
      released.push(...addresses);
      return Promise.resolve();
    },
  );
  const allocate = () => Promise.resolve(outcomes.shift() ?? { outcome: 'exhausted' as const });
  const written = { ...REQUESTS, requests: [{ nic: 'eth0', requested: A }] };
  const allocator = { ...deps.allocator, allocate };
  const result = await allocateForObject(
    written,
    object,
    { ...deps, allocator, ledger: { query: () => Promise.resolve([]) } },
    Date.now() + 3_000,
  );
  expect(result).toMatchObject({ ok: false });
  expect(released.map(({ mac: address }) => address)).toEqual([B]);
});

test('a ledger that hangs during a release does not delay the refusal', async () => {
  const { deps } = ledgerWith(
    () => Promise.reject(new LedgerError('LEDGER_TIMEOUT', 'No response')),
    () => never,
  );
  const started = Date.now();
  expect(await allocateForObject(REQUESTS, object, deps, started + 3_000)).toMatchObject({ ok: false });
  expect(Date.now() - started).toBeLessThan(2_000);
});

test('an object whose deadline is over when it arrives is refused without a request to the ledger', async () => {
  const { deps, calls } = ledgerWith(
    () => never,
    () => Promise.resolve(),
  );
  expect(await allocateForObject(REQUESTS, object, deps, Date.now() - 1)).toMatchObject({ ok: false });
  expect(calls()).toBe(0);
});
