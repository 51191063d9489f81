import { expect, test } from 'vitest';
import type { AllocationOutcome } from '../../ledger/address/allocate.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { mac } from '../../mac/mac-address.ts';
import { unavailable } from '../refuse/refusal.ts';
import { allocateForObject, type HeldAddress, type AllocationDeps, type Subject } from './allocate-for-object.ts';

const A = mac('a4:58:0f:05:00:01');
const subject: Subject = {
  kind: 'Pod',
  namespace: 'web',
  name: 'p',
  leaseId: undefined,
  requester: { username: 'ann' },
};
const NICS = [{ nic: 'eth0' }, { nic: 'eth1' }];
const never = new Promise<never>(() => undefined);

/** The first interface gets an address; of the second the ledger says what it likes. */
function aLedger(second: () => Promise<AllocationOutcome>, releaseHeld: AllocationDeps['releaseHeld']) {
  let questions = 0;
  const allocation: AllocationDeps = {
    allocator: {
      allocate: () => {
        if (++questions > 1) return second();
        return Promise.resolve({ outcome: 'allocated', mac: A, generation: 1, state: 'pending' });
      },
      close: () => Promise.resolve(),
    },
    ledger: { query: () => never },
    clusterId: 'c',
    leaseSeconds: 120,
    poolOf: () => Promise.resolve('kubernetes'),
    findClaim: () => never,
    releaseHeld,
    explainer: { explain: () => Promise.resolve(unavailable('no')) },
  };
  return { allocation, questions: () => questions };
}

test('what one interface got is given back when another is refused', async () => {
  const given: HeldAddress[] = [];
  const { allocation } = aLedger(
    () => Promise.resolve({ outcome: 'exhausted' }),
    (held) => {
      given.push(...held);
      return Promise.resolve();
    },
  );
  expect(await allocateForObject(NICS, subject, allocation, Date.now() + 3_000)).toMatchObject({ ok: false });
  expect(given.map(({ mac: address }) => address)).toEqual([A]);
});

test('a ledger that hangs while something is given back to it does not hold the refusal up', async () => {
  const { allocation } = aLedger(
    () => Promise.reject(new LedgerError('LEDGER_TIMEOUT', 'Nothing was heard')),
    () => never,
  );
  const started = Date.now();
  expect(await allocateForObject(NICS, subject, allocation, started + 3_000)).toMatchObject({ ok: false });
  expect(Date.now() - started).toBeLessThan(2_000);
});

test('an object that has waited too long before it came to us is refused without a question', async () => {
  const { allocation, questions } = aLedger(
    () => never,
    () => Promise.resolve(),
  );
  expect(await allocateForObject(NICS, subject, allocation, Date.now() - 1)).toMatchObject({ ok: false });
  expect(questions()).toBe(0);
});
