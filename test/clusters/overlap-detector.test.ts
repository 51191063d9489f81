import { expect, test } from 'vitest';
import { createOverlapDetector, describeOverlaps, type LiveObject } from './overlap-detector.ts';

const MAC = 'a4:58:0f:05:00:01';

function aPod(uid: string, changes: Partial<LiveObject> = {}): LiveObject {
  return { cluster: 'north', kind: 'Pod', namespace: 'team', name: 'web', uid, macs: [MAC], ...changes };
}

function aClaim(uid: string, changes: Partial<LiveObject> = {}): LiveObject {
  return aPod(uid, { kind: 'MacAllocation', name: 'claim', ...changes });
}

test('an address on two pods at once is an overlap, also when one of them is deleted afterwards', () => {
  const detector = createOverlapDetector();
  detector.seen(aPod('1'));
  detector.seen(aPod('2', { cluster: 'south' }));
  detector.gone({ cluster: 'north', uid: '1' });
  expect(describeOverlaps(detector.overlaps)).toEqual([
    'a4:58:0f:05:00:01: Pod team/web (1) in north and Pod team/web (2) in south',
  ]);
});

test('an address that goes from a deleted pod to the next one is no overlap', () => {
  const detector = createOverlapDetector();
  detector.seen(aPod('1'));
  detector.gone({ cluster: 'north', uid: '1' });
  detector.seen(aPod('2', { cluster: 'south' }));
  expect(detector.overlaps).toEqual([]);
});

test('an address that a stored pod gets later is compared too', () => {
  const detector = createOverlapDetector();
  detector.seen(aPod('1'));
  detector.seen(aPod('2', { macs: [] }));
  expect(detector.overlaps).toEqual([]);
  detector.seen(aPod('2'));
  expect(detector.overlaps).toHaveLength(1);
});

test('an overlap counts once, although its pods change', () => {
  const detector = createOverlapDetector();
  for (const uid of ['1', '2', '1', '2']) detector.seen(aPod(uid));
  expect(detector.overlaps).toHaveLength(1);
});

test('a pod shares an address with the claim that it names, but not with another pod of that claim', () => {
  const detector = createOverlapDetector();
  detector.seen(aClaim('claim'));
  detector.seen(aPod('1', { claim: 'claim' }));
  expect(detector.overlaps).toEqual([]);
  detector.seen(aPod('2', { claim: 'claim' }));
  expect(detector.overlaps.map(({ objects }) => objects.map(({ uid }) => uid))).toEqual([['1', '2']]);
});

test('a pod does not share an address with a claim of this name in another namespace or cluster', () => {
  const detector = createOverlapDetector();
  detector.seen(aClaim('claim'));
  detector.seen(aPod('1', { claim: 'claim', namespace: 'other' }));
  detector.gone({ cluster: 'north', uid: '1' });
  detector.seen(aPod('2', { claim: 'claim', cluster: 'south' }));
  expect(detector.overlaps).toHaveLength(2);
});

test('an object in a copy of its cluster is the same object, and its next pod is not', () => {
  const detector = createOverlapDetector();
  detector.seen(aPod('1'));
  detector.seen(aPod('1', { cluster: 'copy' }));
  expect(detector.overlaps).toEqual([]);
  detector.seen(aPod('2', { cluster: 'copy' }));
  expect(detector.overlaps).toHaveLength(2);
});

test('a list ends the objects of its kind and its cluster that it lacks, and no others', () => {
  const detector = createOverlapDetector();
  detector.seen(aPod('old', { macs: ['a4:58:0f:05:00:02'] }));
  detector.seen(aPod('elsewhere', { cluster: 'south', macs: ['a4:58:0f:05:00:03'] }));
  detector.seen(aClaim('claim', { macs: ['a4:58:0f:05:00:04'] }));
  detector.replace({ cluster: 'north', kind: 'Pod' }, [aPod('new', { macs: ['a4:58:0f:05:00:02'] })]);
  expect(
    detector
      .live()
      .map(({ uid }) => uid)
      .sort(),
  ).toEqual(['claim', 'elsewhere', 'new']);
  expect(detector.overlaps).toEqual([]);
});
