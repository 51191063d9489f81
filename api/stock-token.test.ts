import { expect, test } from 'vitest';
import { signToken, type TokenSubject } from './admission-token.ts';
import { readStockToken, signStockToken } from './stock-token.ts';

const key = Buffer.alloc(32, 'a');
const claims = {
  requester: 'ann',
  at: '2026-11-30T09:00:00.000Z',
  addresses: { 'web/blue#0': 'a4:58:0f:05:00:01', 'web/red#0': 'a4:58:0f:05:00:02' },
};
const pod: TokenSubject = { clusterId: 'c1', namespace: 'web', name: 'front', generateName: '' };

test('a token says who got which address', () => {
  expect(readStockToken(signStockToken(pod, claims, key), pod, [key])).toEqual(claims);
});

test('a token of another pod, or of a gate, says nothing', () => {
  expect(readStockToken(signStockToken(pod, claims, key), { ...pod, namespace: 'payments' }, [key])).toBeUndefined();
  expect(readStockToken(signToken('gate', pod, claims, key), pod, [key])).toBeUndefined();
});

test('a token in which somebody changed an address says nothing', () => {
  const [version, , mac] = signStockToken(pod, claims, key).split('.');
  const changed = { ...claims, addresses: { 'web/blue#0': 'a4:58:0f:05:00:99' } };
  const payload = Buffer.from(JSON.stringify(changed)).toString('base64url');
  expect(readStockToken([version, payload, mac].join('.'), pod, [key])).toBeUndefined();
});
