import { expect, test } from 'vitest';
import { KubeConnectionError, KubeError } from '../../kube/client/errors.ts';
import { KubeConfigError } from '../../kube/client/kubeconfig.ts';
import { explainKubeError } from './explain.ts';

const forbidden = 'macallocations.mac.rock-os.io is forbidden: User "eve" cannot create resource "macallocations"';
const policy = `${forbidden}: ValidatingAdmissionPolicy 'p' denied request: User "dev" may not use MacPool "docker"`;
const webhook = 'Internal error occurred: failed calling webhook "stamp-requester.mac.rock-os.io": no endpoints';

test.each([
  [
    'a kubeconfig that is none',
    new KubeConfigError('cannot read the kubeconfig /x: ENOENT'),
    'unavailable',
    /^Cannot read.*--kubeconfig/,
  ],
  [
    'no way to it',
    new KubeConnectionError('ECONNREFUSED', { code: 'ECONNREFUSED', sent: false }),
    'unavailable',
    /cannot be reached/,
  ],
  ['no login', new KubeError({ status: 401, message: 'Unauthorized' }), 'forbidden', /Log in again/],
  ['no right', new KubeError({ status: 403, message: forbidden }), 'forbidden', /in namespace fleet/],
  [
    'a pool that may not be used',
    new KubeError({ status: 403, message: policy }),
    'forbidden',
    /^User "dev" may not use MacPool "docker"\.$/,
  ],
  [
    'a quota that is used up',
    new KubeError({
      status: 403,
      message: 'macallocations "x" is forbidden: exceeded quota: few, used: 1, limited: 1',
    }),
    'forbidden',
    /limited: 1\. Release what is not needed .*kubectl describe quota -n fleet/,
  ],
  [
    'a quota that is new',
    new KubeError({ status: 403, message: '"x" is forbidden: status unknown for quota: few' }),
    'forbidden',
    /has not been counted yet: try again/,
  ],
  [
    'a namespace that is going away',
    new KubeError({
      status: 403,
      message: '"x" is forbidden: unable to create new content because it is being terminated',
    }),
    'forbidden',
    /being terminated\. Name another namespace by -n\.$/,
  ],
  [
    "somebody else's rule",
    new KubeError({ status: 403, message: 'admission webhook "policy.example.org" denied the request: no' }),
    'forbidden',
    /denied the request: no\. A rule of this cluster forbids it/,
  ],
  [
    'CRDs that are missing',
    new KubeError({ status: 404, message: 'the server could not find the requested resource' }),
    'unavailable',
    /not installed/,
  ],
  [
    'a namespace that is not there',
    new KubeError({
      status: 404,
      message: 'namespaces "x" not found',
      details: { name: 'x', kind: 'namespaces', causes: [] },
    }),
    'error',
    /^Namespaces "x" not found\. Name another by -n, or make it/,
  ],
  ['a webhook that is down', new KubeError({ status: 500, message: webhook }), 'unavailable', /Look at its pods/],
  [
    'a server that is starting',
    new KubeError({ status: 503, message: 'starting' }),
    'unavailable',
    /^Starting\. Try again/,
  ],
  [
    'a value that is none',
    new KubeError({ status: 422, message: 'spec.pool: too long' }),
    'error',
    /Correct the value/,
  ],
  ['a change under us', new KubeError({ status: 409, message: 'changed' }), 'conflict', /Try again/],
])('%s', (_, error, exit, message) => {
  const explained = explainKubeError(error, 'fleet');
  expect(explained).toMatchObject({ name: 'UserError', exit });
  expect(explained instanceof Error ? explained.message : '').toMatch(message);
});

test('what is no answer of a cluster stays as it is', () => {
  const error = new TypeError('a mistake of ours');
  expect(explainKubeError(error, 'fleet')).toBe(error);
});
