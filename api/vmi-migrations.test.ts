import { expect, test } from 'vitest';
import { vmiMigrations } from './vmi-migrations.ts';

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
