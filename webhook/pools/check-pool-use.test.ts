import { expect, test } from 'vitest';
import type { AdmissionUser } from '../review/admission-review.ts';
import { allowedPools, refusePools, usersOf } from './check-pool-use.ts';

const ann = { username: 'ann', groups: ['team'] };
const object = { metadata: { annotations: undefined }, spec: {} };
const fast = { name: 'fast', namedBy: 'annotation mac.rock-os.io/pool of this Pod', isGranted: false };
const requests = [
  { nic: 'a', pool: fast },
  { nic: 'b', pool: { ...fast, name: 'own', isGranted: true } },
  { nic: 'c' },
];

function refusalFor(mayUse: (user: AdmissionUser, pool: string) => boolean, allowedBefore: readonly string[] = []) {
  const users = { namespace: 'web', users: usersOf(ann, { kind: 'Pod', namespace: 'web' }, object), allowedBefore };
  return refusePools(requests, users, (user, pool, namespace) => {
    expect(namespace).toBe('web');
    return Promise.resolve(mayUse(user, pool));
  });
}

test('a pool that nobody granted is refused, and the refusal says what named it', async () => {
  expect(await refusalFor(() => false)).toEqual({
    code: 403,
    reason: 'Forbidden',
    message:
      'Pool fast, which annotation mac.rock-os.io/pool of this Pod names, may be used neither by the author of this object nor by the ServiceAccount of the pod.\nName another pool, or ask for the verb "use" on macpools.mac.rock-os.io/fast in namespace web.',
  });
});

test.each(['ann', 'system:serviceaccount:web:default'])('the right of %s is enough', async (username) => {
  expect(await refusalFor((user) => user.username === username)).toBeUndefined();
});

test('a right that was shown when the pod began to wait is enough, and nobody is asked', async () => {
  expect(
    await refusalFor(() => {
      throw new Error('asked');
    }, ['fast']),
  ).toBeUndefined();
});

test('an object is refused for now if the API server does not say who may use its pool', async () => {
  const refusal = await refusalFor(() => {
    throw new Error('slow');
  });
  expect(refusal).toMatchObject({ code: 503, message: expect.stringMatching(/pool fast\.\nTry again/) as string });
});

test('a pod may have the rights of its ServiceAccount, and a machine only those of its author', () => {
  const named = { ...object, spec: { serviceAccountName: 'runner' } };
  expect(usersOf(ann, { kind: 'Pod', namespace: 'web' }, named)).toEqual([
    ann,
    {
      username: 'system:serviceaccount:web:runner',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:web', 'system:authenticated'],
    },
  ]);
  expect(usersOf(ann, { kind: 'VirtualMachine', namespace: 'web' }, named)).toEqual([ann]);
});

test('every pool that was named for the object is remembered, whoever granted it', () => {
  expect(allowedPools(requests)).toEqual(['fast', 'own']);
});
