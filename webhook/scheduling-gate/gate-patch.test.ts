import { describe, expect, test } from 'vitest';
import { canBeGated, gatePatch, LEDGER_IS_AWAY, ungatePatch } from './gate-patch.ts';

const GATE = { name: 'mac.rock-os.io/address' };
const OTHER = { name: 'kueue.x-k8s.io/admission' };
const TOKEN = 'mac.rock-os.io/gate-token';
const REASON = 'mac.rock-os.io/gate-reason';

const pod = (annotations?: Record<string, string>, spec: object = {}) => ({ metadata: { annotations }, spec });

test.each([
  ['a usual pod', {}, true],
  ['a pod of a DaemonSet, which has an affinity', { affinity: { nodeAffinity: {} } }, true],
  ['a pod with an empty node name', { nodeName: '' }, true],
  ['a pod with gates of others', { schedulingGates: [OTHER] }, true],
  ['a pod whose gates are null', { schedulingGates: null }, true],
  ['a pod that names its node', { nodeName: 'n1' }, false],
  ['a pod whose gates are no list', { schedulingGates: 'x' }, false],
])('%s can be gated: %o', (_, spec, wanted) => {
  expect(canBeGated(pod(undefined, spec))).toBe(wanted);
});

describe('a pod that waits', () => {
  test('has the gate, a token and the reason', () => {
    expect(gatePatch(pod(), 't')).toEqual([
      { op: 'add', path: '/metadata/annotations', value: { [TOKEN]: 't', [REASON]: LEDGER_IS_AWAY } },
      { op: 'add', path: '/spec/schedulingGates', value: [GATE] },
    ]);
  });

  test('keeps the gates of others, and has ours once', () => {
    expect(gatePatch(pod({ [TOKEN]: 't', [REASON]: LEDGER_IS_AWAY }, { schedulingGates: [GATE, OTHER] }), 't')).toEqual(
      [{ op: 'add', path: '/spec/schedulingGates', value: [OTHER, GATE] }],
    );
  });
});

describe('a pod that does not wait', () => {
  test.each([
    ['without annotations', pod()],
    ['with gates of others', pod({ a: 'b' }, { schedulingGates: [OTHER] })],
  ])('is not changed %s', (_, given) => {
    expect(ungatePatch(given)).toEqual([]);
  });

  test('loses a gate, a token and a reason that it brings along', () => {
    const given = pod({ [TOKEN]: 'copied', [REASON]: 'copied' }, { schedulingGates: [OTHER, GATE] });
    expect(ungatePatch(given)).toEqual([
      { op: 'remove', path: '/metadata/annotations/mac.rock-os.io~1gate-token' },
      { op: 'remove', path: '/metadata/annotations/mac.rock-os.io~1gate-reason' },
      { op: 'replace', path: '/spec/schedulingGates', value: [OTHER] },
    ]);
  });
});
