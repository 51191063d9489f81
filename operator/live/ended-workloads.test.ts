import { describe, expect, test } from 'vitest';
import type { Change } from '../../kube/controller/object-cache.ts';
import { mac } from '../../mac/mac-address.ts';
import { createEndedWorkloads, isEndUnseen } from './ended-workloads.ts';
import type { Workload } from './workload.ts';

const pods = { endsItsUse: true };
const machines = { endsItsUse: false };

const MAC = mac('a4:58:0f:00:00:01');
const runsOn = { node: 'node-1', graceSeconds: 30 };

function aChange(change: Partial<Change<Workload>>, state: Partial<Workload> = {}): Change<Workload> {
  const metadata = { namespace: 'default', name: 'web', uid: 'u-1', resourceVersion: '7' };
  return { type: 'deleted', object: { metadata, nics: [], uses: [], ...state }, ...change };
}

describe('a workload has ended', () => {
  test.each([
    ['when the watch reports its deletion', pods, aChange({ isGone: true }), true],
    ['when it is finished, since a pod never runs again', pods, aChange({}, { finished: true }), true],
    ['but not when it only left the cache, such as a pod whose annotation was removed', pods, aChange({}), false],
    ['but not when it was changed', pods, aChange({ type: 'updated' }), false],
    ['but not if others may still use its addresses', machines, aChange({ isGone: true }), false],
  ])('%s', (_, kind, change, ended) => {
    const workloads = createEndedWorkloads(10);
    workloads.record(kind, change);
    expect(workloads.has('u-1')).toBe(ended);
    expect(workloads.has('u-2')).toBe(false);
  });

  test('until it is forgotten, because others ended since', () => {
    const workloads = createEndedWorkloads(1);
    workloads.record(pods, aChange({ isGone: true }));
    const { object, ...other } = aChange({ isGone: true });
    workloads.record(pods, { ...other, object: { ...object, metadata: { ...object.metadata, uid: 'u-2' } } });
    expect([workloads.has('u-1'), workloads.has('u-2')]).toEqual([false, true]);
  });
});

describe('a pod may still run after it has ended', () => {
  test.each([
    ['if it was deleted while it ran', aChange({ isGone: true }, { runsOn, uses: [MAC] }), { ...runsOn, uses: [MAC] }],
    ['but not if its kubelet reported its last phase', aChange({}, { finished: true }), undefined],
    ['but not if it never had a node', aChange({ isGone: true }), undefined],
  ])('%s', (_, change, expected) => {
    const workloads = createEndedWorkloads(10);
    workloads.record(pods, change);
    expect(workloads.has('u-1')).toBe(true);
    expect(workloads.mayRunOn('u-1')).toEqual(expected);
  });
});

test('a pod was seen to end on its node only if its kubelet reported its last phase', () => {
  const workloads = createEndedWorkloads(10);
  workloads.record(pods, aChange({}, { finished: true, ranOn: 'node-1' }));
  expect(workloads.endedOn('u-1')).toBe('node-1');
  workloads.record(pods, aChange({ isGone: true }, { runsOn }));
  expect(workloads.endedOn('u-1')).toBeUndefined();
});

test.each([
  ['of a pod that was deleted while it ran is not seen', pods, aChange({ isGone: true }, { runsOn }), true],
  ['of a pod that never had a node is seen', pods, aChange({ isGone: true }), false],
  ['of a pod whose kubelet reported its last phase is seen', pods, aChange({}, { finished: true }), false],
  ['of a pod of which nothing is known is not seen', pods, aChange({ type: 'updated' }), true],
  ['of a machine is read', machines, aChange({ isGone: true }), false],
])('the end %s', (_, kind, change, unseen) => {
  const ended = createEndedWorkloads(10);
  ended.record(kind, change);
  expect(isEndUnseen('u-1', kind, { ended })).toBe(unseen);
});
