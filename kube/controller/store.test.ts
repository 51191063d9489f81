import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../client/objects.ts';
import { createStore } from './store.ts';

function object(name: string, owners: readonly string[], resourceVersion = '1'): KubeObject {
  const ownerReferences = owners.map((uid) => ({ apiVersion: 'v1', kind: 'Pod', name: uid, uid }));
  return { metadata: { namespace: 'a', name, uid: name, resourceVersion, ownerReferences } };
}

const byOwner = {
  owner: ({ metadata }: KubeObject) => (metadata.ownerReferences ?? []).map((reference) => reference.uid),
};

describe('a store', () => {
  test('finds an object by its key and by each index value', () => {
    const store = createStore(byOwner);
    const both = object('both', ['x', 'y']);
    store.set(both);
    store.set(object('one', ['x']));
    expect(store.get('a/both')).toBe(both);
    expect(store.by('owner', 'x').map(({ metadata }) => metadata.name)).toEqual(['both', 'one']);
    expect(store.by('owner', 'y')).toEqual([both]);
    expect(store.by('owner', 'z')).toEqual([]);
    expect(store.size).toBe(2);
  });

  test('forgets the old index values of an object that changed', () => {
    const store = createStore(byOwner);
    store.set(object('a', ['x']));
    store.set(object('a', ['y'], '2'));
    expect(store.by('owner', 'x')).toEqual([]);
    expect(store.by('owner', 'y')).toHaveLength(1);
    expect(store.list()).toHaveLength(1);
  });

  test('forgets a deleted object everywhere', () => {
    const store = createStore(byOwner);
    store.set(object('a', ['x']));
    store.delete('a/a');
    store.delete('a/never-there');
    expect(store.get('a/a')).toBeUndefined();
    expect(store.by('owner', 'x')).toEqual([]);
    expect([...store.keys()]).toEqual([]);
  });

  test('refuses an undeclared index, because an empty result would look valid', () => {
    expect(() => createStore(byOwner).by('onwer', 'x')).toThrow('There is no index onwer.');
  });
});
