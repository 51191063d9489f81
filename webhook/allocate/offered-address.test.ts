import { expect, test, vi } from 'vitest';
import { LedgerError } from '../../ledger/errors.ts';
import { mac } from '../../mac/mac-address.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { isOffered } from './offered-address.ts';

const MAC = mac('a4:58:0f:05:00:01');
const receiver: AdmittedObject = {
  ...{ kind: 'VirtualMachine', namespace: 'new', name: 'desk', leaseId: undefined, waitsAsReceiver: true },
  requester: { username: 'ann' },
};
const row = {
  handover: {
    clusterId: 'c',
    namespace: 'new',
    name: 'desk',
    asked: 'new/desk',
    since: new Date(0),
    ended: false,
    left: false,
  },
};

/** Asks a ledger that has this row of the address. */
function ask(object: Partial<AdmittedObject>, find = () => Promise.resolve<unknown[]>([row])) {
  const query = vi.fn(find);
  const context = { object: { ...receiver, ...object }, deadline: Date.now() + 3_000 };
  const answer = isOffered(MAC, context, { ledger: { query } as never, clusterId: 'c' });
  return { answer, query };
}

test('a machine that waits for a guest may have the address that is offered to it', async () => {
  expect(await ask({}).answer).toBe(true);
});

test.each<[string, Partial<AdmittedObject>]>([
  ['another name', { name: 'other' }],
  ['another namespace', { namespace: 'other' }],
])('a machine of %s may not', async (_, object) => {
  expect(await ask(object).answer).toBe(false);
});

test.each<[string, Partial<AdmittedObject>]>([
  ['waits for no guest', { waitsAsReceiver: false }],
  ['has no name yet', { name: '' }],
])('the ledger is not asked about a machine that %s', async (_, object) => {
  const { answer, query } = ask(object);
  expect(await answer).toBe(false);
  expect(query).not.toHaveBeenCalled();
});

test('an address that was never handed out is offered to nobody', async () => {
  expect(await ask({}, () => Promise.resolve([])).answer).toBe(false);
});

test('a ledger that is away offers nothing, and any other error is one', async () => {
  const away = () => Promise.reject(new LedgerError('LEDGER_UNAVAILABLE', 'away'));
  expect(await ask({}, away).answer).toBe(false);
  await expect(ask({}, () => Promise.reject(new Error('a bug'))).answer).rejects.toThrow('a bug');
});
