import { expect, test } from 'vitest';
import { vmiMigratesAcross, vmiMigrations } from './vmi-migrations.ts';

test.each([
  [
    'of both sides',
    { migrationUid: 'a', sourceState: { migrationUID: 'a' }, targetState: { migrationUID: 'b' } },
    ['a', 'b'],
  ],
  ['inside a cluster', { migrationUid: 'a', targetNode: 'n' }, ['a']],
  ['of which only the target is known', { sourceState: null, targetState: { migrationUID: 'b' } }, ['b']],
  ['without a uid', { migrationUid: '' }, []],
])('the status of an instance names a migration %s: %o', (_, migrationState, uids) => {
  expect(vmiMigrations({ status: { migrationState } })).toEqual(uids);
});

test.each([undefined, {}, { status: null }, { status: { migrationState: 7 } }])('%o names no migration', (instance) => {
  expect(vmiMigrations(instance)).toEqual([]);
});

test.each<readonly [string, object]>([
  ['between two namespaces or clusters', { sourceState: { migrationUID: 'a' }, targetState: { migrationUID: 'b' } }],
  ['of which only the source is known', { sourceState: { migrationUID: 'a' }, targetState: { migrationUID: '' } }],
  ['of which only the target is known', { sourceState: null, targetState: { migrationUID: 'b' } }],
  ...['virtualMachineInstanceUID', 'domainNamespace', 'domainName'].map((key): [string, object] => [
    `whose sides differ in their ${key}`,
    { sourceState: { migrationUID: 'a', [key]: 'x' }, targetState: { migrationUID: 'a', [key]: 'y' } },
  ]),
])('a migration %s is between two instances', (_, migrationState) => {
  expect(vmiMigratesAcross({ status: { migrationState } })).toBe(true);
});

test.each([
  ['inside a cluster', { migrationUid: 'a', targetNode: 'n' }],
  ['inside a cluster that has ended', { migrationUid: 'a', completed: true, sourceState: null, targetState: null }],
  ['whose sides are one instance', { sourceState: { migrationUID: 'a' }, targetState: { migrationUID: 'a' } }],
  ['without a uid', { migrationUid: '', sourceState: {}, targetState: {} }],
])('a migration %s is not', (_, migrationState) => {
  expect(vmiMigratesAcross({ status: { migrationState } })).toBe(false);
});
