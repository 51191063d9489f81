import { describe, expect, test } from 'vitest';
import { leases, namespaces, secrets } from './core-resources.ts';
import { apiVersionOf, metadataOnly, resourcePath } from './resource.ts';

describe('the path of a resource', () => {
  test.each([
    ['a namespaced object of the core group', secrets, { namespace: 'a', name: 'b' }, '/api/v1/namespaces/a/secrets/b'],
    ['a collection in one namespace', secrets, { namespace: 'a' }, '/api/v1/namespaces/a/secrets'],
    ['a collection over all namespaces', leases, {}, '/apis/coordination.k8s.io/v1/leases'],
    ['a cluster-scoped object', namespaces, { name: 'kube-system' }, '/api/v1/namespaces/kube-system'],
    [
      'a name with characters that a path must not contain',
      secrets,
      { namespace: 'a', name: 'c?d #e' },
      '/api/v1/namespaces/a/secrets/c%3Fd%20%23e',
    ],
  ])('is right for %s', (_case, resource, key, path) => {
    expect(resourcePath(resource, key)).toBe(path);
  });

  test('ends with the subresource', () => {
    expect(resourcePath(namespaces, { name: 'a' }, 'status')).toBe('/api/v1/namespaces/a/status');
  });

  // A DELETE of the path without the name would delete the whole collection.
  test.each([
    ['an empty name', secrets, { namespace: 'a', name: '' }],
    ['an empty namespace', secrets, { namespace: '', name: 'a' }],
    ['a name that means the parent path', secrets, { namespace: 'a', name: '..' }],
    ['a name that leads into another object', secrets, { namespace: 'a', name: '../pods/b' }],
    ['a name that is encoded already', secrets, { namespace: 'a', name: 'b%2Fstatus' }],
    ['a namespaced object without a namespace', secrets, { name: 'a' }],
    ['a cluster-scoped object in a namespace', namespaces, { namespace: 'a', name: 'b' }],
  ])('is refused for %s', (_case, resource, key) => {
    expect(() => resourcePath(resource, key)).toThrow(RangeError);
  });
});

describe('a resource', () => {
  test('knows its apiVersion', () => {
    expect(apiVersionOf(namespaces)).toBe('v1');
    expect(apiVersionOf(leases)).toBe('coordination.k8s.io/v1');
  });

  test('reduced to metadata keeps no other field', () => {
    const object = { metadata: { name: 'a', uid: '1', resourceVersion: '2' }, data: { key: 'c2VjcmV0' } };
    expect(metadataOnly(secrets).schema.parse(object)).toEqual({ metadata: object.metadata });
  });
});
