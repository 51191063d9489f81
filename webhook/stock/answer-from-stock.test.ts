import { expect, test } from 'vitest';
import { readStockToken } from '../../api/stock-token.ts';
import { mac } from '../../mac/mac-address.ts';
import type { AddressRequest } from '../plan/plan.ts';
import type { AdmissionRequest } from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { answerFromStock, type StockCandidate } from './answer-from-stock.ts';
import type { StockRequest } from './stock.ts';

const KEY = Buffer.alloc(32, 7);
const A = mac('a4:58:0f:05:00:01');
const AT = '2026-11-30T09:00:00.000Z';

const pod: AdmittedObject = {
  kind: 'Pod',
  namespace: 'web',
  name: 'front',
  leaseId: undefined,
  requester: { username: 'ann' },
};

function candidate({
  object = {},
  request = {},
  asks = {},
  maxAddresses,
}: {
  object?: Partial<AdmittedObject>;
  request?: Partial<AdmissionRequest>;
  asks?: Partial<AddressRequest>;
  maxAddresses?: number;
} = {}): StockCandidate {
  return {
    request: {
      uid: 'u',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      operation: 'CREATE',
      name: 'front',
      namespace: 'web',
      userInfo: { username: 'ann' },
      object: { metadata: { name: 'front', annotations: undefined } },
      ...request,
    },
    object: { ...pod, ...object },
    requests: [{ nic: 'web/blue#0', ...asks }],
    terms: { pool: 'kubernetes', maxAddresses },
  };
}

/** A stock that always answers, and says what it was asked for. */
function answer(of: StockCandidate) {
  const asked: { new: StockRequest[]; again: StockRequest[] } = { new: [], again: [] };
  const give = (to: StockRequest[]) => (request: StockRequest) => {
    to.push(request);
    return [{ mac: A, generation: 1, key: 'stock/f/1' }];
  };
  const stock = { take: give(asked.new), repeated: give(asked.again) };
  const deps = {
    stock,
    keys: { current: () => KEY },
    clusterId: 'c',
    now: () => new Date(AT),
    answered: () => undefined,
  };
  const result = answerFromStock(of, deps);
  return { result, asked };
}

test('a new pod gets an address, and a token that says who got it', () => {
  const { result, asked } = answer(candidate());
  expect(result?.macs).toEqual([A]);
  const subject = { clusterId: 'c', namespace: 'web', name: 'front', generateName: '' };
  expect(readStockToken(result?.token ?? '', subject, [KEY])).toEqual({
    requester: 'ann',
    at: AT,
    addresses: { 'web/blue#0': A },
  });
  expect(asked.new).toMatchObject([
    { pool: 'kubernetes', namespace: 'web', interfaces: [{ answer: { requester: 'ann', owner: { name: 'front' } } }] },
  ]);
});

test.each([
  ['an address that its author wrote', { asks: { requested: A } }],
  ['a claim', { asks: { claim: 'mine' } }],
  ['the address of a name', { asks: { sticky: { claim: 'front-0123abcd' } } }],
  ['a namespace with a limit', { maxAddresses: 10 }],
  ['an update', { request: { oldObject: { metadata: { name: 'front', annotations: undefined } } } }],
  ['a virtual machine', { object: { kind: 'VirtualMachine' } as const }],
])('the ledger is asked for %s', (_, given) => {
  const { result, asked } = answer(candidate(given));
  expect(result).toBeUndefined();
  expect(asked).toEqual({ new: [], again: [] });
});

test.each([
  ['a pod with a name that brings an address along', { asks: { copied: A } }],
  ['a pod that brings the lease of this very request along', { object: { name: '', leaseId: 'l', broughtLease: 'l' } }],
])('%s gets nothing new from stock', (_, given) => {
  const { asked } = answer(candidate(given));
  expect(asked.new).toEqual([]);
  expect(asked.again).toHaveLength(1);
});

test('a pod without a name that was copied from another gets an address of its own', () => {
  const { asked } = answer(
    candidate({ object: { name: '', leaseId: 'new', broughtLease: 'old' }, asks: { copied: A } }),
  );
  expect(asked.new).toHaveLength(1);
});
