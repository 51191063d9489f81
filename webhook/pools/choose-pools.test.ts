import { expect, test } from 'vitest';
import { choosePools, namerOfPool, type PoolSources, withNamer } from './choose-pools.ts';

const sources: PoolSources = {
  kind: 'Pod',
  namespace: 'web',
  ofObject: '',
  ofNetworks: new Map([
    ['web/blue', 'fast'],
    ['lan/red', 'shared'],
  ]),
  terms: { pool: 'kubernetes' },
};
const networks = new Map([
  ['a', 'blue'],
  ['b', 'lan/red'],
  ['c', 'web/green'],
]);
const chosen = (options: Partial<PoolSources> = {}) =>
  choosePools([{ nic: 'a' }, { nic: 'b' }, { nic: 'c' }, { nic: 'primary' }], networks, { ...sources, ...options }).map(
    ({ pool }) => pool,
  );

test('each interface has the pool of its network, and the others that of the namespace', () => {
  expect(chosen()).toEqual([
    { name: 'fast', namedBy: 'annotation mac.rock-os.io/pool of network web/blue', isGranted: true },
    { name: 'shared', namedBy: 'annotation mac.rock-os.io/pool of network lan/red', isGranted: false },
    undefined,
    undefined,
  ]);
});

test('the pool of the object goes before those of its networks', () => {
  const own = { name: 'own', namedBy: 'annotation mac.rock-os.io/pool of this Pod', isGranted: false };
  expect(chosen({ ofObject: 'own' })).toEqual([own, own, own, own]);
});

test('the pool of the namespace needs no other right, whatever names it', () => {
  expect(chosen({ ofObject: 'kubernetes' })[0]).toMatchObject({ name: 'kubernetes', isGranted: true });
  expect(chosen({ terms: { pool: 'shared' } })[1]).toMatchObject({ name: 'shared', isGranted: true });
});

test('the pool that a machine names already was granted to whoever wrote it', () => {
  expect(chosen({ ofObject: 'own', isOfObjectGranted: true })[0]).toMatchObject({ name: 'own', isGranted: true });
});

test('an empty annotation names no pool', () => {
  expect(chosen({ ofNetworks: new Map([['web/blue', '']]) })).toEqual(Array(4).fill(undefined));
});

test('an interface that uses a claim has no pool', () => {
  expect(choosePools([{ nic: 'a', claim: 'gate' }], networks, { ...sources, ofObject: 'own' })).toEqual([
    { nic: 'a', claim: 'gate' },
  ]);
});

test('the annotation of the namespace is named if nothing closer named the pool', () => {
  const named = { annotations: { 'mac.rock-os.io/pool': 'fast' } };
  expect(namerOfPool({}, 'web', named)).toBe('annotation mac.rock-os.io/pool of namespace web');
  expect(namerOfPool({}, 'web', {})).toBeUndefined();
  const pool = { name: 'own', namedBy: 'annotation mac.rock-os.io/pool of this Pod', isGranted: true };
  expect(namerOfPool({ pool }, 'web', named)).toBe(pool.namedBy);
});

test('the reason of an allocation says what named the pool, and nothing about that of the installation', () => {
  const pool = { name: 'own', namedBy: 'annotation mac.rock-os.io/pool of network web/lan', isGranted: true };
  expect(withNamer('admission', { pool }, 'web', {})).toBe(
    'admission; pool named by annotation mac.rock-os.io/pool of network web/lan',
  );
  expect(withNamer('admission', {}, 'web', {})).toBe('admission');
});
