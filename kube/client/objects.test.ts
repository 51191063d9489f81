import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatKey, keyOf, objectMeta, parseKey } from './objects.ts';

const dnsName = fc.stringMatching(/^[a-z0-9](?:[a-z0-9.-]{0,20}[a-z0-9])?$/);

describe('a key', () => {
  test('is parsed to the same parts, for namespaced and cluster-scoped objects', () => {
    expect(parseKey('fleet/prod-01')).toEqual({ namespace: 'fleet', name: 'prod-01' });
    expect(parseKey('production')).toEqual({ name: 'production' });
    fc.assert(
      fc.property(fc.option(dnsName, { nil: undefined }), dnsName, (namespace, name) => {
        const key = namespace === undefined ? { name } : { namespace, name };
        expect(parseKey(formatKey(key))).toEqual(key);
      }),
    );
  });

  test('is taken from the metadata of an object', () => {
    expect(keyOf({ metadata: { namespace: 'fleet', name: 'prod-01' } })).toBe('fleet/prod-01');
  });
});

describe('the metadata of an object', () => {
  test('is parsed without the unused parts', () => {
    const metadata = {
      name: 'a',
      uid: '1',
      resourceVersion: '2',
      selfLink: '/a',
      managedFields: [{ manager: 'kubectl', fieldsV1: {} }],
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'b', uid: '3', surprise: true }],
    };
    expect(objectMeta.parse(metadata)).toEqual({
      name: 'a',
      uid: '1',
      resourceVersion: '2',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'b', uid: '3' }],
    });
  });
});
