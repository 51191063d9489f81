import { expect, test } from 'vitest';
import { podWorkload } from './pod.ts';

const { schema } = podWorkload().resource;
const MAC = 'a4:58:0f:05:00:01';
const OURS = { name: 'mac.rock-os.io/address' };
const OTHER = { name: 'kueue.x-k8s.io/admission' };

function aPod(schedulingGates?: object[], annotations: Record<string, string> = {}) {
  return schema.parse({
    metadata: {
      name: 'p',
      namespace: 'web',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-11-30T09:00:00Z',
      annotations: { 'k8s.v1.cni.cncf.io/networks': `[{"name":"blue","mac":"${MAC}"}]`, ...annotations },
    },
    spec: { containers: [], ...(schedulingGates !== undefined && { schedulingGates }) },
  });
}

test.each([
  ['no gate', undefined],
  ['the gate of others', [OTHER]],
])('a pod with %s uses the addresses of its annotations', (_, gates) => {
  const pod = aPod(gates);
  expect(pod.uses).toEqual([MAC]);
  expect(pod.gate).toBeUndefined();
});

test('a pod with our gate has never run, so it uses none of the addresses in its annotations', () => {
  const token = { 'mac.rock-os.io/gate-token': 't', 'mac.rock-os.io/gate-reason': 'because' };
  expect(aPod([OTHER, OURS], token)).toMatchObject({
    nics: [],
    uses: [],
    gate: { index: 1, hasToken: true, reason: 'because' },
    metadata: { creationTimestamp: '2026-11-30T09:00:00Z' },
  });
});

test('a gate without a token is not of the webhook', () => {
  expect(aPod([OURS])).toMatchObject({ uses: [], gate: { hasToken: false } });
});

test.each<[string, PodParts, object | undefined]>([
  ['of a pod', {}, { text: 't', generateName: 'web-' }],
  ['of a finished pod is not read', { status: { phase: 'Failed' } }, undefined],
  [
    'that is too long to be one is not read',
    { annotations: { 'mac.rock-os.io/stock-token': 't'.repeat(16_385) } },
    undefined,
  ],
])('the stock token %s', (_, { annotations, spec, status }, want) => {
  const parsed = schema.parse({
    metadata: {
      name: 'web-x',
      generateName: 'web-',
      namespace: 'web',
      uid: 'u',
      resourceVersion: '1',
      annotations: { 'mac.rock-os.io/stock-token': 't', ...annotations },
    },
    spec: { containers: [], ...spec },
    status,
  });
  expect(parsed.stockToken).toEqual(want);
  expect(parsed.metadata).not.toHaveProperty('generateName');
});

test.each<[string, PodParts, boolean | undefined]>([
  ['that asks for an address', { annotations: { 'mac.rock-os.io/inject': 'true' } }, undefined],
  ['that opts out', { annotations: { 'mac.rock-os.io/inject': ' Off' } }, true],
  ['that a kubelet mirrors', { annotations: { 'kubernetes.io/config.mirror': 'x' } }, true],
  ['on the network of its host', { spec: { hostNetwork: true } }, true],
  [
    'of an instance of a machine',
    { owner: { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachineInstance', name: 'vm', uid: 'i', controller: true } },
    true,
  ],
])('whether the webhook was not asked about a pod %s', (_, { annotations, spec, owner }, skipped) => {
  const metadata = { name: 'p', namespace: 'web', uid: 'u', resourceVersion: '1', annotations };
  const ownerReferences = owner === undefined ? [] : [owner];
  const pod = schema.parse({ metadata: { ...metadata, ownerReferences }, spec: { containers: [], ...spec } });
  expect(pod.skippedAdmission).toBe(skipped);
});

interface PodParts {
  readonly annotations?: Record<string, string>;
  readonly spec?: object;
  readonly status?: object;
  readonly owner?: object;
}

test('a pod of a set has its place among the replicas, and what its annotation says about its addresses', () => {
  const parse = (metadata: object) =>
    schema.parse({ metadata: { name: 'web-3', namespace: 'web', uid: 'u', resourceVersion: '1', ...metadata } });
  const controller = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web' };
  const ownerReferences = [{ ...controller, uid: 's', controller: true }];
  const annotations = { 'mac.rock-os.io/sticky-retention': 'whenDeleted=Retain' };
  expect(parse({ ownerReferences, annotations }).replica).toEqual({
    controller,
    ordinal: 3,
    retention: { whenScaled: 'Retain', whenDeleted: 'Retain' },
  });
  expect(parse({ ownerReferences }).replica).toEqual({ controller, ordinal: 3 });
  expect(parse({ annotations }).replica).toBeUndefined();
  expect(parse({ ownerReferences, name: 'web-x7' }).replica).toBeUndefined();
});
