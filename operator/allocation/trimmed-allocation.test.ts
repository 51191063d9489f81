import { expect, test } from 'vitest';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { createStringInterner } from '../../kube/controller/string-interning.ts';
import { trimAllocation } from './trimmed-allocation.ts';

const consumer = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'uid-of-web', nic: 'blue' };

/** Returns a copy that shares no object with its original, like one that the API server sent. */
function asSent(allocation: MacAllocation): MacAllocation {
  return JSON.parse(JSON.stringify(allocation)) as MacAllocation;
}

const mirror = asSent({
  metadata: {
    name: 'web-1a2b3c4d',
    namespace: 'default',
    uid: 'uid-of-mirror',
    resourceVersion: '7',
    generation: 1,
    creationTimestamp: '2026-01-02T03:04:05Z',
    labels: { 'mac.rock-os.io/consumer-uid': consumer.uid },
    annotations: { note: 'of somebody' },
    finalizers: ['mac.rock-os.io/release'],
    ownerReferences: [{ ...consumer, controller: false, blockOwnerDeletion: false }],
  },
  spec: {
    pool: 'kubernetes',
    requestedMac: 'a4:58:0f:05:00:01',
    reserved: false,
    requester: { username: 'alice' },
    consumerRef: consumer,
  },
  status: {
    mac: 'a4:58:0f:05:00:01',
    consumer,
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Allocated',
        message: 'held',
        lastTransitionTime: '2026-01-02T03:04:06Z',
      },
    ],
    observedGeneration: 1,
  },
});

test('a mirror keeps only the fields that are read later', () => {
  const { name, namespace, uid, resourceVersion, generation, finalizers } = mirror.metadata;
  const { pool, requestedMac, consumerRef } = mirror.spec;
  expect(trimAllocation(mirror, createStringInterner())).toStrictEqual({
    metadata: { name, namespace, uid, resourceVersion, generation, finalizers },
    spec: { pool, requestedMac, consumerRef },
    status: mirror.status,
  });
});

test('a mirror whose status repeats its consumer stores the consumer once', () => {
  const kept = trimAllocation(mirror, createStringInterner());
  expect(kept.status?.consumer).toBe(kept.spec.consumerRef);
});

test('a mirror that is being deleted keeps its deletion timestamp and its finalizers', () => {
  const finalizers = ['mac.rock-os.io/release', 'example.com/other'];
  const ending = { ...mirror, metadata: { ...mirror.metadata, deletionTimestamp: '2026-01-02T03:05:00Z', finalizers } };
  expect(trimAllocation(ending, createStringInterner()).metadata).toMatchObject({
    deletionTimestamp: '2026-01-02T03:05:00Z',
    finalizers,
  });
});

test('a mirror whose status differs from its spec keeps both', () => {
  const status = { ...mirror.status, mac: 'a4:58:0f:05:00:02', consumer: { ...consumer, uid: 'another' } };
  expect(trimAllocation({ ...mirror, status }, createStringInterner()).status).toEqual(status);
});

test('a claim keeps its spec and status, and of its metadata what the operator reads', () => {
  const { labels, ownerReferences, creationTimestamp, ...metadata } = mirror.metadata;
  expect([labels, ownerReferences, creationTimestamp]).not.toContain(undefined);
  const annotations = { 'mac.rock-os.io/force-release': 'true', note: 'x'.repeat(250_000) };
  const spec = { pool: 'development', attributes: { rack: 'a7' } };
  const claim = { ...mirror, metadata: { ...mirror.metadata, annotations }, spec };
  expect(trimAllocation(claim, createStringInterner())).toStrictEqual({
    metadata: { ...metadata, annotations: { 'mac.rock-os.io/force-release': 'true' } },
    spec,
    status: mirror.status,
  });
});
