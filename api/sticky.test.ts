import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from './names.ts';
import { isSticky, ordinalOf, POD_INDEX_LABEL, retentionOf, stickyControllerOf, stickyProblems } from './sticky.ts';

const sticky = (value: string) => ({ [ANNOTATIONS.sticky]: value });
const retention = (value: string) => ({ [ANNOTATIONS.stickyRetention]: value });
const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', controller: true };
const ofSet = { ownerReferences: [owner] };

describe('the addresses of a workload are sticky', () => {
  test.each<[string, Parameters<typeof isSticky>, boolean]>([
    ['with its own annotation', [{ annotations: sticky('true') }, undefined], true],
    ['with its own annotation in other words', [{ annotations: sticky(' Yes ') }, undefined], true],
    ['not without one', [{}, undefined], false],
    ['not with one that says no', [{ annotations: sticky('false'), ...ofSet }, sticky('true')], false],
    ['in a namespace that says so, of a StatefulSet', [ofSet, sticky('true')], true],
    ['in a namespace that says so, not as a bare pod', [{}, sticky('true')], false],
    [
      'in a namespace that says so, not of a ReplicaSet',
      [{ ownerReferences: [{ ...owner, kind: 'ReplicaSet' }] }, sticky('true')],
      false,
    ],
    [
      'in a namespace that says so, of a set of another group that numbers its pods',
      [
        {
          ownerReferences: [{ ...owner, apiVersion: 'apps.kruise.io/v1beta1' }],
          labels: { [POD_INDEX_LABEL]: '3' },
        },
        sticky('true'),
      ],
      true,
    ],
    ['not for a number without a controller', [{ labels: { [POD_INDEX_LABEL]: '3' } }, sticky('true')], false],
    [
      'not for an owner that is no controller',
      [{ ownerReferences: [{ ...owner, controller: false }] }, sticky('true')],
      false,
    ],
    [
      'where nobody understands its annotation, by that of the namespace',
      [{ annotations: sticky('maybe'), ...ofSet }, sticky('true')],
      true,
    ],
  ])('%s', (_, [object, namespace], wanted) => {
    expect(isSticky(object, namespace)).toBe(wanted);
  });
});

test('the controller of a workload has no uid, because the next one of its name counts as the same', () => {
  expect(stickyControllerOf({ ownerReferences: [{ ...owner, controller: null }, owner] })).toEqual({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    name: 'web',
  });
  expect(stickyControllerOf({})).toBeUndefined();
});

describe('the ordinal of a workload', () => {
  test.each<[string, string, string | undefined, number | undefined]>([
    ['is the end of its name', 'web-12', undefined, 12],
    ['is what its label says', 'web-12', '3', 3],
    ['is none where the name ends with something else', 'web-12a', undefined, undefined],
    ['is none for a name without a dash', '12', undefined, undefined],
    ['is none with a leading zero, which no controller writes', 'web-012', undefined, undefined],
    ['is none for a number that no controller reaches', `web-${'9'.repeat(11)}`, undefined, undefined],
    ['is none where the label is no number', 'web-1', 'one', undefined],
  ])('%s', (_, name, label, wanted) => {
    expect(ordinalOf({ name, labels: label === undefined ? {} : { [POD_INDEX_LABEL]: label } })).toBe(wanted);
  });
});

describe('the retention of sticky addresses', () => {
  test.each<[string, string, ReturnType<typeof retentionOf>]>([
    ['has both words', 'whenScaled=Release,whenDeleted=Retain', { whenScaled: 'Release', whenDeleted: 'Retain' }],
    ['may name one of them', 'whenScaled=Release', { whenScaled: 'Release', whenDeleted: 'Release' }],
    ['may name the other', 'whenDeleted=Retain', { whenScaled: 'Retain', whenDeleted: 'Retain' }],
    ['may have blanks', ' whenDeleted = Retain , whenScaled=Retain ', { whenScaled: 'Retain', whenDeleted: 'Retain' }],
    ['is unknown with a word that is none', 'whenScaled=Keep', undefined],
    ['is unknown when it is empty', '', undefined],
  ])('%s', (_, text, wanted) => {
    expect(retentionOf(retention(text))).toEqual(wanted);
  });

  test('is unknown without the annotation', () => {
    expect(retentionOf({})).toBeUndefined();
    expect(retentionOf(undefined)).toBeUndefined();
  });
});

describe('the author of a workload reads', () => {
  test('nothing about annotations that are right', () => {
    expect(stickyProblems({ ...sticky('true'), ...retention('whenDeleted=Retain') })).toEqual([]);
    expect(stickyProblems()).toEqual([]);
  });

  test('what is wrong, and how to write it', () => {
    expect(stickyProblems({ ...sticky('ja'), ...retention('whenscaled=Retain') })).toEqual([
      'mac.rock-os.io/sticky is "ja", and must be "true" or "false".',
      'mac.rock-os.io/sticky-retention has "whenscaled=Retain". Write it as "whenScaled=Retain,whenDeleted=Release", each with Retain or Release.',
    ]);
    expect(stickyProblems(retention('whenScaled=Retain,whenScaled=Release'))).toEqual([
      'mac.rock-os.io/sticky-retention names whenScaled twice. Write it as "whenScaled=Retain,whenDeleted=Release", each with Retain or Release.',
    ]);
  });
});
