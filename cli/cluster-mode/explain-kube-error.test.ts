import { expect, test } from 'vitest';
import { KubeConnectionError, KubeError } from '../../kube/client/errors.ts';
import { KubeConfigError } from '../../kube/client/kubeconfig.ts';
import { explainKubeError } from './explain-kube-error.ts';

const forbidden = 'macallocations.mac.rock-os.io is forbidden: User "eve" cannot create resource "macallocations"';
const policy = `${forbidden}: ValidatingAdmissionPolicy 'p' denied request: User "dev" may not use MacPool "docker"`;
const webhook = 'Internal error occurred: failed calling webhook "stamp-requester.mac.rock-os.io": no endpoints';

test.each([
  [
    'an invalid kubeconfig',
    new KubeConfigError('the kubeconfig /x cannot be read (there is no such file)'),
    'unavailable',
    /^The kubeconfig \/x cannot be read \(there is no such file\)\. Name another one with --kubeconfig or KUBECONFIG/,
  ],
  [
    'an unreachable cluster',
    new KubeConnectionError('ECONNREFUSED', { code: 'ECONNREFUSED', sent: false }),
    'unavailable',
    /cannot be reached/,
  ],
  ['invalid credentials', new KubeError({ status: 401, message: 'Unauthorized' }), 'forbidden', /Log in again/],
  ['a missing permission', new KubeError({ status: 403, message: forbidden }), 'forbidden', /in namespace fleet/],
  [
    'a missing permission to read',
    new KubeError({ status: 403, message: forbidden.replace('cannot create', 'cannot list') }),
    'forbidden',
    /Ask for the role `view` in namespace fleet/,
  ],
  [
    'a missing permission to change',
    new KubeError({ status: 403, message: forbidden }),
    'forbidden',
    /Ask for the role `edit` in namespace fleet/,
  ],
  [
    'a pool that the user may not use',
    new KubeError({ status: 403, message: policy }),
    'forbidden',
    /^User "dev" may not use MacPool "docker"\.$/,
  ],
  [
    'an exceeded quota',
    new KubeError({
      status: 403,
      message: 'macallocations "x" is forbidden: exceeded quota: few, used: 1, limited: 1',
    }),
    'forbidden',
    /limited: 1\. Release unused addresses .*kubectl describe quota -n fleet/,
  ],
  [
    'a quota that was just created',
    new KubeError({ status: 403, message: '"x" is forbidden: status unknown for quota: few' }),
    'forbidden',
    /has not been counted yet: try again/,
  ],
  [
    'a namespace that is being deleted',
    new KubeError({
      status: 403,
      message: '"x" is forbidden: unable to create new content because it is being terminated',
    }),
    'forbidden',
    /being terminated\. Name another namespace with -n\.$/,
  ],
  [
    'a policy of the cluster',
    new KubeError({ status: 403, message: 'admission webhook "policy.example.org" denied the request: no' }),
    'forbidden',
    /denied the request: no\. A policy of this cluster forbids it/,
  ],
  [
    'missing CRDs',
    new KubeError({ status: 404, message: 'the server could not find the requested resource' }),
    'unavailable',
    /not installed/,
  ],
  [
    'a namespace that does not exist',
    new KubeError({
      status: 404,
      message: 'namespaces "x" not found',
      details: { name: 'x', kind: 'namespaces', causes: [] },
    }),
    'error',
    /^Namespaces "x" not found\. Name another one with -n, or create it/,
  ],
  ['a webhook that is down', new KubeError({ status: 500, message: webhook }), 'unavailable', /Check its pods/],
  [
    'a server that is starting',
    new KubeError({ status: 503, message: 'starting' }),
    'unavailable',
    /^Starting\. Try again/,
  ],
  ['an invalid value', new KubeError({ status: 422, message: 'spec.pool: too long' }), 'error', /Correct the value/],
  ['a concurrent change', new KubeError({ status: 409, message: 'changed' }), 'conflict', /Try again/],
])('%s', (_, error, exit, message) => {
  const explained = explainKubeError(error, 'fleet');
  expect(explained).toMatchObject({ name: 'UserError', exit });
  expect(explained instanceof Error ? explained.message : '').toMatch(message);
});

test('any other error is returned unchanged', () => {
  const error = new TypeError('a bug');
  expect(explainKubeError(error, 'fleet')).toBe(error);
});
