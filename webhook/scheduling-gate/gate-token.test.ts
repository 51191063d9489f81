import { expect, test } from 'vitest';
import type { TokenSubject } from '../../api/admission-token.ts';
import { readGateToken, signGateToken } from './gate-token.ts';

const [key, previous, other] = ['a', 'b', 'c'].map((letter) => Buffer.from(letter.repeat(32))) as [
  Buffer,
  Buffer,
  Buffer,
];
const claims = { requester: 'ann', at: '2026-11-30T09:00:00.000Z' };
const pod: TokenSubject = { clusterId: 'c1', namespace: 'web', name: 'front', generateName: '' };
/** A pod before the API server has generated its name, and the same pod after it was stored. */
const nameless: TokenSubject = { ...pod, name: '', generateName: 'front-' };
const stored: TokenSubject = { ...nameless, name: 'front-x7k2p' };

test('a token names the requester and the time, to whoever has the key', () => {
  expect(readGateToken(signGateToken(pod, claims, key), pod, [key])).toEqual(claims);
});

test('the token of a pod without a name is valid for the stored pod with a generated one', () => {
  expect(readGateToken(signGateToken(nameless, claims, key), stored, [key])).toEqual(claims);
});

test('a token that was signed before the key was rotated stays valid while the previous key is known', () => {
  const token = signGateToken(pod, claims, previous);
  expect(readGateToken(token, pod, [key, previous])).toEqual(claims);
  expect(readGateToken(token, pod, [key])).toBeUndefined();
});

test.each<[string, TokenSubject]>([
  ['another cluster', { ...pod, clusterId: 'c2' }],
  ['another namespace', { ...pod, namespace: 'payments' }],
  ['another name', { ...pod, name: 'back' }],
  ['a generated name that begins with its name', { ...pod, name: 'x', generateName: 'front' }],
])('the token of a pod is not valid in %s', (_, copy) => {
  expect(readGateToken(signGateToken(pod, claims, key), copy, [key])).toBeUndefined();
});

test('the token of a generated name is not valid for a pod whose author chose that name', () => {
  const token = signGateToken(nameless, claims, key);
  expect(readGateToken(token, { ...stored, generateName: '' }, [key])).toBeUndefined();
});

test('a token with another requester is not valid', () => {
  const [version, , mac] = signGateToken(pod, claims, key).split('.');
  const payload = Buffer.from(JSON.stringify({ ...claims, requester: 'admin' })).toString('base64url');
  expect(readGateToken([version, payload, mac].join('.'), pod, [key])).toBeUndefined();
});

test.each(['', 'v1', 'v1..', 'v1.e30.AA', 'v2.e30.AA', `${signGateToken(pod, claims, key)}.more`, '\u0000'])(
  'the text %j is no token',
  (text) => {
    expect(readGateToken(text, pod, [key, other])).toBeUndefined();
  },
);
