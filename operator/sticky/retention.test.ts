import { describe, expect, test } from 'vitest';
import {
  decideRetention,
  mayHaveObject,
  type NameState,
  type RetentionDecision,
  type UnusedAddress,
} from './retention.ts';

const three = { first: 0, count: 3 };
const keeps = { keep: true } as const;
const releases = (proven: boolean) => ({ keep: false, proven, reason: expect.any(String) as string }) as const;
const retain = { whenScaled: 'Retain', whenDeleted: 'Retain' } as const;
const release = { whenScaled: 'Release', whenDeleted: 'Release' } as const;

describe('an unused sticky address', () => {
  test.each<[string, UnusedAddress, NameState, RetentionDecision]>([
    ['stays while its controller counts its ordinal', { controller: three, ordinal: 2 }, 'absent', keeps],
    ['stays then whatever the retention', { controller: three, ordinal: 0, retention: release }, 'absent', keeps],
    ['stays beyond the replicas by default', { controller: three, ordinal: 3 }, 'absent', keeps],
    [
      'ends beyond the replicas if its workload said so',
      { controller: three, ordinal: 3, retention: release },
      'absent',
      releases(true),
    ],
    [
      'ends below the first ordinal alike',
      { controller: { first: 5, count: 2 }, ordinal: 4, retention: release },
      'absent',
      releases(true),
    ],
    [
      'stays at the first ordinal',
      { controller: { first: 5, count: 2 }, ordinal: 5, retention: release },
      'absent',
      keeps,
    ],
    [
      'stays without an ordinal while its controller exists',
      { controller: three, retention: release },
      'absent',
      keeps,
    ],
    [
      'stays while its pool lacks machines, whatever its ordinal',
      { controller: 'incomplete', ordinal: 7, retention: release },
      'absent',
      keeps,
    ],
    [
      'ends when its pool has all its machines, if its machine said so',
      { controller: 'complete', ordinal: 0, retention: release },
      'absent',
      releases(true),
    ],
    ['stays when its pool has all its machines by default', { controller: 'complete', ordinal: 0 }, 'absent', keeps],
    [
      'ends when the machine of its name has no such interface',
      { controller: 'complete', ordinal: 0 },
      'without',
      releases(true),
    ],
    ['ends with its controller by default', { controller: 'absent', ordinal: 0 }, 'absent', releases(true)],
    [
      'stays without its controller if its workload said so',
      { controller: 'absent', ordinal: 0, retention: retain },
      'absent',
      keeps,
    ],
    ['ends by time alone without a controller', { controller: 'none', retention: retain }, 'absent', releases(false)],
    [
      'ends by time alone with one that nobody reads',
      { controller: 'foreign', ordinal: 1, retention: retain },
      'absent',
      releases(false),
    ],
    [
      'stays while its controller cannot be read',
      { controller: 'unknown', ordinal: 9, retention: release },
      'absent',
      keeps,
    ],
    [
      'ends when the object of its name has no such interface',
      { controller: three, ordinal: 0, retention: retain },
      'without',
      releases(true),
    ],
    ['stays while the object of its name may use it', { controller: 'absent', retention: release }, 'in-use', keeps],
  ])('%s', (_, address, name, wanted) => {
    expect(decideRetention(address, name)).toEqual(wanted);
  });
});

test('an object of a name may exist only while its controller counts it, or in a pool of machines', () => {
  expect(mayHaveObject({ controller: three, ordinal: 2 })).toBe(true);
  expect(mayHaveObject({ controller: three, ordinal: 3 })).toBe(false);
  expect(mayHaveObject({ controller: three })).toBe(true);
  expect(mayHaveObject({ controller: 'absent', ordinal: 0 })).toBe(false);
  expect(mayHaveObject({ controller: 'complete', ordinal: 9 })).toBe(true);
  expect(mayHaveObject({ controller: 'incomplete', ordinal: 9 })).toBe(true);
});
