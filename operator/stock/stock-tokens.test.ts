import { expect, test } from 'vitest';
import { encodeKeys, type StoredKeys } from '../../api/admission-keys.ts';
import { signStockToken } from '../../api/stock-token.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { createStockTokens } from './stock-tokens.ts';

const [first, second] = ['a', 'b'].map((letter) => Buffer.from(letter.repeat(32))) as [Buffer, Buffer];
const rotatedAt = new Date('2026-11-30T09:00:00Z');
const subject = { clusterId: 'c1', namespace: 'web', name: 'web-0', generateName: '' };
const claims = { requester: 'bob', at: '2026-11-30T10:00:00Z', addresses: {} };
const signedBy = (key: Buffer) => signStockToken(subject, claims, key);

function start(stored: StoredKeys | undefined) {
  const state = { now: 0, reads: 0, stored, fails: false };
  const find = () => {
    state.reads++;
    if (state.fails) return Promise.reject(new Error('the API server is away'));
    const metadata = { name: 'rock-mac-admission-keys', uid: 'u', resourceVersion: '1' };
    return Promise.resolve(state.stored === undefined ? undefined : { metadata, data: encodeKeys(state.stored) });
  };
  const client = { find } as Pick<KubeClient, 'find'>;
  const tokens = createStockTokens({ client, namespace: 'rock-mac-system', now: () => state.now });
  return { state, read: (token: string) => tokens.read(token, subject) };
}

test('many tokens at once cost one read of the keys, and later ones none', async () => {
  const { state, read } = start({ current: first, rotatedAt });
  expect(await Promise.all([1, 2, 3].map(() => read(signedBy(first))))).toEqual([claims, claims, claims]);
  state.now = 1_000_000;
  expect(await read(signedBy(first))).toEqual(claims);
  expect(state.reads).toBe(1);
});

test('a new key is found within seconds, and the one before is valid', async () => {
  const { state, read } = start({ current: first, rotatedAt });
  expect(await read(signedBy(first))).toEqual(claims);
  state.stored = { current: second, previous: first, rotatedAt };
  state.now = 4_999;
  expect(await read(signedBy(second))).toBeUndefined();
  state.now = 5_000;
  expect(await read(signedBy(second))).toEqual(claims);
  expect(await read(signedBy(first))).toEqual(claims);
  expect(state.reads).toBe(2);
});

test('made-up tokens cost a read every five seconds', async () => {
  const { state, read } = start({ current: first, rotatedAt });
  for (; state.now < 60_000; state.now += 100) expect(await read('v1.made.up')).toBeUndefined();
  expect(state.reads).toBe(12);
});

test('without keys no token is valid, nor one that an emptied key signed', async () => {
  const { state, read } = start(undefined);
  expect(await read(signedBy(first))).toBeUndefined();
  state.now = 5_000;
  state.stored = { current: Buffer.alloc(0), rotatedAt };
  expect(await read(signedBy(Buffer.alloc(0)))).toBeUndefined();
});

test('keys that cannot be read make no token invalid', async () => {
  const { state, read } = start({ current: first, rotatedAt });
  state.fails = true;
  await expect(read(signedBy(first))).rejects.toThrow('is away');
  state.fails = false;
  expect(await read(signedBy(first))).toEqual(claims);
});
