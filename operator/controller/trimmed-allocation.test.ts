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
    mac: 'a4:58:0f:05:00:01',
    reserved: false,
    requester: { username: 'alice' },
    consumerRef: consumer,
    ledger: { generation: 3, clusterId: 'here' },
  },
});

const status = {
  mac: 'a4:58:0f:05:00:02',
  conditions: [
    {
      type: 'Ready',
      status: 'True' as const,
      reason: 'Allocated',
      message: 'held',
      lastTransitionTime: '2026-01-02T03:04:06Z',
    },
  ],
};

test('a mirror keeps only the fields that are read later', () => {
  const { name, namespace, uid, resourceVersion, generation, finalizers } = mirror.metadata;
  const { pool, mac, consumerRef, ledger } = mirror.spec;
  expect(trimAllocation(mirror, createStringInterner())).toStrictEqual({
    metadata: { name, namespace, uid, resourceVersion, generation, finalizers },
    spec: { pool, mac, consumerRef, ledger },
  });
});

test('a mirror keeps the status that it has while something is wrong', () => {
  const { conditions } = status;
  expect(trimAllocation({ ...mirror, status: { conditions } }, createStringInterner()).status).toEqual({ conditions });
});

test('a mirror that is being deleted keeps its deletion timestamp and its finalizers', () => {
  const finalizers = ['mac.rock-os.io/release', 'example.com/other'];
  const ending = { ...mirror, metadata: { ...mirror.metadata, deletionTimestamp: '2026-01-02T03:05:00Z', finalizers } };
  expect(trimAllocation(ending, createStringInterner()).metadata).toMatchObject({
    deletionTimestamp: '2026-01-02T03:05:00Z',
    finalizers,
  });
});

test('a claim keeps its spec and status, and of its metadata what the operator reads', () => {
  const { labels, ownerReferences, creationTimestamp, ...metadata } = mirror.metadata;
  expect([labels, ownerReferences, creationTimestamp]).not.toContain(undefined);
  const read = { 'mac.rock-os.io/force-release': 'true', 'mac.rock-os.io/consumer-ended': consumer.uid };
  const annotations = { ...read, note: 'x'.repeat(250_000) };
  const spec = { pool: 'development', attributes: { rack: 'a7' } };
  const claim = { metadata: { ...mirror.metadata, annotations }, spec, status };
  expect(trimAllocation(claim, createStringInterner())).toStrictEqual({
    metadata: { ...metadata, annotations: read },
    spec,
    status,
  });
});

test('a claim does not keep an annotation whose value is too long to have a meaning', () => {
  const annotations = { 'mac.rock-os.io/consumer-ended': 'x'.repeat(250_000) };
  const claim = { metadata: { ...mirror.metadata, annotations }, spec: { pool: 'development' } };
  expect(trimAllocation(claim, createStringInterner()).metadata.annotations).toBeUndefined();
});

test('a sticky claim keeps for whom it is, what ends a mark of it, and not its labels', () => {
  const { name, namespace, uid, resourceVersion, generation, finalizers } = mirror.metadata;
  const { pool, mac, ledger } = mirror.spec;
  const stickyFor = {
    apiVersion: 'v1',
    kind: 'Pod',
    name: 'web-0',
    nic: 'blue',
    controller: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web' },
    ordinal: 0,
    retention: { whenScaled: 'Retain', whenDeleted: 'Retain' },
  } as const;
  const annotations = { 'mac.rock-os.io/consumer-ended': 'node-7' };
  const { consumerRef: _, ...spec } = mirror.spec;
  const claim = {
    metadata: { ...mirror.metadata, annotations: { ...annotations, note: 'x' } },
    spec: { ...spec, stickyFor },
  };
  expect(trimAllocation(asSent(claim), createStringInterner())).toStrictEqual({
    metadata: { name, namespace, uid, resourceVersion, generation, finalizers, annotations },
    spec: { pool, mac, stickyFor, ledger },
  });
});

test('a claim keeps only the reason of what the operator does next', () => {
  const annotations = {
    'mac.rock-os.io/reason': 'ticket 1',
    'mac.rock-os.io/renew-reason': 'x'.repeat(1_024),
    'mac.rock-os.io/release-reason': 'rack 7 is gone',
  };
  const keptOf = (
    changes: { readonly deletionTimestamp?: string; readonly generation?: number },
    withStatus: boolean,
  ) => {
    const metadata = { ...mirror.metadata, annotations, ...changes };
    const claim = {
      metadata,
      spec: { pool: 'development' },
      ...(withStatus && { status: { ...status, observedGeneration: 1 } }),
    };
    return Object.keys(trimAllocation(claim, createStringInterner()).metadata.annotations ?? {});
  };
  expect(keptOf({}, false)).toEqual(['mac.rock-os.io/reason']);
  expect(keptOf({ generation: 2 }, true)).toEqual(['mac.rock-os.io/renew-reason']);
  expect(keptOf({ generation: 1 }, true)).toEqual([]);
  expect(keptOf({ deletionTimestamp: '2026-01-02T03:05:00Z' }, true)).toEqual(['mac.rock-os.io/release-reason']);
});
