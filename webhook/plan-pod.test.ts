import { describe, expect, test } from 'vitest';
import { mac } from '../mac/mac-address.ts';
import { parsePrefix, type MacPrefix } from '../mac/mac-range.ts';
import type { PatchOperation } from './admission-review.ts';
import { planPod, type PodPlan } from './plan-pod.ts';

const PREFIX = parsePrefix('a4:58:0f') as MacPrefix;
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const ADDRESSES = 'mac.rock-os.io/addresses';
const LEASE = 'mac.rock-os.io/lease';
const A = mac('a4:58:0f:05:00:01');
const B = mac('a4:58:0f:05:00:02');

function plan(annotations: Record<string, string>): PodPlan {
  const planned = planPod({ namespace: 'web', annotations }, PREFIX);
  if (!planned.ok) throw new Error(planned.refusal.message);
  return planned.plan;
}

function refusal(annotations: Record<string, string>) {
  const planned = planPod({ namespace: 'web', annotations }, PREFIX);
  if (planned.ok) throw new Error('was not refused');
  return planned.refusal;
}

function written(operations: readonly PatchOperation[], annotation: string): unknown {
  const operation = operations.find(({ path }) => path.endsWith(annotation.replace('/', '~1')));
  return operation !== undefined && 'value' in operation ? operation.value : operation?.op;
}

describe('a pod with networks', () => {
  test('gets an address on each attachment, told in its addresses annotation', () => {
    const pod = plan({ [NETWORKS]: '[{"name":"blue"},{"name":"red","interface":"eth5"}]' });
    expect(pod.nics).toEqual([
      { index: 0, nic: 'web/blue#0' },
      { index: 1, nic: 'eth5' },
    ]);
    const patch = pod.patch([A, B], undefined);
    expect(written(patch, NETWORKS)).toBe(
      `[{"mac":"${A}","name":"blue"},{"mac":"${B}","name":"red","interface":"eth5"}]`,
    );
    expect(JSON.parse(String(written(patch, ADDRESSES)))).toEqual([
      { network: 'web/blue', mac: A },
      { network: 'web/red', interface: 'eth5', mac: B },
    ]);
    expect(patch).toHaveLength(2);
  });

  test('keeps an address of another prefix and is not asked for one there', () => {
    const pod = plan({ [NETWORKS]: '[{"name":"blue","mac":"02:00:00:00:00:01"},{"name":"red"}]' });
    expect(pod.nics.map(({ nic }) => nic)).toEqual(['web/red#0']);
    expect(written(pod.patch([A], undefined), NETWORKS)).toBe(
      `[{"name":"blue","mac":"02:00:00:00:00:01"},{"mac":"${A}","name":"red"}]`,
    );
  });

  test('asks for the very address that its author wrote, and writes it back in canonical form', () => {
    const pod = plan({ [NETWORKS]: '[{"name":"blue","mac":"A4-58-0F-05-00-01"}]' });
    expect(pod.nics).toEqual([{ index: 0, nic: 'web/blue#0', requested: A }]);
    expect(written(pod.patch([A], undefined), NETWORKS)).toBe(`[{"name":"blue","mac":"${A}"}]`);
  });

  test('gets new addresses when it is a copy of a pod that carries some', () => {
    const pod = plan({
      [NETWORKS]: `[{"name":"blue","mac":"${A}"}]`,
      [ADDRESSES]: `[{"network":"web/blue","mac":"${A}"}]`,
      [LEASE]: 'of-the-original',
    });
    expect(pod.nics).toEqual([{ index: 0, nic: 'web/blue#0' }]);
    const patch = pod.patch([B], undefined);
    expect(written(patch, NETWORKS)).toBe(`[{"name":"blue","mac":"${B}"}]`);
    expect(written(patch, LEASE)).toBe('remove');
  });

  test('gets the lease id of this admission, not the one it came with', () => {
    const pod = plan({ [NETWORKS]: '[{"name":"blue"}]', [LEASE]: 'copied' });
    expect(written(pod.patch([A], 'fresh'), LEASE)).toBe('fresh');
  });

  test('leaves the longer addresses of InfiniBand and EUI-64 alone', () => {
    expect(plan({ [NETWORKS]: '[{"name":"ib","mac":"00:11:22:33:44:55:66:77"}]' }).nics).toEqual([]);
  });
});

describe('a pod without networks', () => {
  test.each([{}, { [NETWORKS]: ' ' }, { [NETWORKS]: '[]' }])(
    'gets one address in the annotation, and a warning: %j',
    (annotations) => {
      const pod = plan(annotations);
      expect(pod.nics).toEqual([{ nic: 'primary' }]);
      expect(pod.warnings).toHaveLength(1);
      expect(written(pod.patch([A], undefined), ADDRESSES)).toBe(`[{"mac":"${A}"}]`);
    },
  );
});

describe('refused as malformed', () => {
  test.each([
    ['networks that are no JSON', '[{"name":', /is not valid JSON/],
    ['a MAC that is none', '[{"name":"blue","mac":"zz"}]', /MAC "zz" of interface web\/blue#0 is not a MAC address/],
    ['a multicast MAC', '[{"name":"blue","mac":"01:00:5e:00:00:01"}]', /multicast/],
    ['the broadcast MAC', '[{"name":"blue","mac":"ff:ff:ff:ff:ff:ff"}]', /broadcast/],
    ['the zero MAC', '[{"name":"blue","mac":"00:00:00:00:00:00"}]', /all zero/],
    ['one MAC twice', `[{"name":"a","mac":"${A}"},{"name":"b","mac":"A4580F050001"}]`, /on two interfaces/],
    ['one interface name twice', '[{"name":"a","interface":"x"},{"name":"b","interface":"x"}]', /interface name x/],
  ])('%s', (_, networks, message) => {
    const { code, message: text } = refusal({ [NETWORKS]: networks });
    expect(code).toBe(422);
    expect(text).toMatch(message);
    expect(text.split('\n').length).toBeLessThanOrEqual(2);
  });
});
