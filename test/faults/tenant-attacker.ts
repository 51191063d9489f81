import { z } from 'zod';
import { GROUP, LABELS, VERSION } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { KubeError } from '../../kube/client/errors.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { MacAddress } from '../../mac/mac-address.ts';

/*
 * A user with `edit` in one namespace who tries to take, to block or to break what others have. Each step is one request
 * with hostile annotations, references, names or addresses. The steps come from a seed, so a failure can be repeated.
 */

const anyObject = z.object({ metadata: objectMeta });
type AnyObject = z.infer<typeof anyObject>;

function resourceOf(group: string, version: string, plural: string, kind: string): Resource<AnyObject> {
  return { group, version, plural, kind, namespaced: true, schema: anyObject };
}
const pods = resourceOf('', 'v1', 'pods', 'Pod');
const claims = resourceOf(GROUP, VERSION, 'macallocations', 'MacAllocation');
const machines = resourceOf('kubevirt.io', 'v1', 'virtualmachines', 'VirtualMachine');
const instances = resourceOf('kubevirt.io', 'v1', 'virtualmachineinstances', 'VirtualMachineInstance');

export interface Target {
  /** The namespace of the victim. */
  readonly namespace: string;
  /** Addresses that the victim owns, and addresses of pools that the attacker may not use. */
  readonly macs: readonly MacAddress[];
  /** Names of the victim's pods and claims. */
  readonly names: readonly string[];
  /** Uids of the victim's objects. */
  readonly uids: readonly string[];
}

export interface Attack {
  /** Sends one random request. Refusals by the API server are what the attacker expects. */
  step(): Promise<void>;
  /** How many requests the API server accepted and refused. */
  readonly counts: { accepted: number; refused: number };
}

export function createAttack(
  client: KubeClient,
  namespace: string,
  { target, random }: { readonly target: Target; readonly random: () => number },
): Attack {
  const counts = { accepted: 0, refused: 0 };
  const pick = <T>(values: readonly T[]): T => {
    const value = values[Math.floor(random() * values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  };
  const chance = (share: number) => random() < share;
  const name = () => pick(['a', 'b', 'c', 'd', 'e', 'f', ...target.names]);
  const mac = () => notation(pick(target.macs), pick(['colon', 'dash', 'dot', 'bare', 'upper'] as const));

  function networks(): string {
    const count = pick([1, 1, 2, 8, 70, 200]);
    const entries = Array.from({ length: count }, () => ({
      name: pick(['net', 'net', 'other/net', '', 'x'.repeat(300)]),
      ...(chance(0.8) && { mac: chance(0.1) ? pick(['01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', 'zz', '']) : mac() }),
      ...(chance(0.1) && { interface: pick(['eth0', 'net1', '../../etc', '\u202egnp']) }),
      ...(chance(0.1) && { 'cni-args': { mac: mac() } }),
    }));
    if (chance(0.1)) return pick(['[', '{}', 'net,net@eth1', 'null', '[[[[[[[[]]]]]]]]', '[1,2]']);
    return JSON.stringify(entries);
  }

  function annotations(): Record<string, string> {
    return {
      ...(chance(0.9) && { 'k8s.v1.cni.cncf.io/networks': networks() }),
      ...(chance(0.3) && { 'v1.multus-cni.io/default-network': networks() }),
      ...(chance(0.6) && { [`${GROUP}/inject`]: pick(['true', 'false', 'TRUE', '']) }),
      ...(chance(0.3) && {
        [`${GROUP}/addresses`]: JSON.stringify([{ network: 'net', mac: mac() }, { mac: mac() }]),
      }),
      ...(chance(0.2) && { [`${GROUP}/lease`]: pick(['x', ...target.uids]) }),
      ...(chance(0.2) && { [`${GROUP}/allocation`]: pick([...target.names, JSON.stringify({ net1: name() }), '{']) }),
      ...(chance(0.1) && { 'kubernetes.io/config.mirror': 'x' }),
      ...(chance(0.1) && { 'k8s.v1.cni.cncf.io/network-status': networks() }),
    };
  }

  function ownerReferences() {
    if (chance(0.7)) return [];
    return [
      {
        apiVersion: pick(['kubevirt.io/v1', 'apps/v1', `${GROUP}/${VERSION}`]),
        kind: pick(['VirtualMachineInstance', 'VirtualMachine', 'ReplicaSet', 'MacAllocation']),
        name: name(),
        uid: pick([...target.uids, '00000000-0000-0000-0000-000000000000']),
        controller: chance(0.7),
      },
    ];
  }

  const metadata = () => ({
    name: name(),
    namespace,
    annotations: annotations(),
    labels: {
      ...(chance(0.2) && { 'kubevirt.io': 'virt-launcher' }),
      ...(chance(0.2) && { [LABELS.consumerUid]: pick(target.uids) }),
    },
    ownerReferences: ownerReferences(),
    ...(chance(0.1) && { finalizers: ['example.com/stays'] }),
  });

  const interfaces = () => ({ interfaces: [{ name: pick(['net', 'blue']), macAddress: mac() }] });
  const instanceSpec = () => ({ domain: { devices: interfaces() }, networks: [] });

  const requests: readonly (() => Promise<unknown>)[] = [
    () =>
      client.create(pods, {
        metadata: metadata(),
        spec: { containers: [{ name: 'main', image: 'example.invalid/none' }], hostNetwork: false },
      }),
    () =>
      client.create(pods, {
        metadata: { ...metadata(), name: undefined, generateName: 'g-' },
        spec: { containers: [{ name: 'main', image: 'x' }] },
      }),
    () =>
      client.patch(
        pods,
        { namespace, name: name() },
        {
          type: 'merge',
          body: {
            metadata: { annotations: annotations(), ...(chance(0.2) && { ownerReferences: ownerReferences() }) },
          },
        },
      ),
    () =>
      client.patch(
        pods,
        { namespace, name: name() },
        { type: 'merge', body: { metadata: { annotations: annotations() }, status: { phase: 'Succeeded' } } },
        { subresource: 'status' },
      ),
    () => client.delete(pods, { namespace, name: name() }),
    () =>
      client.create(claims, {
        metadata: metadata(),
        spec: {
          pool: pick(['kubernetes', 'development', 'production', 'reserved', 'nosuch']),
          ...(chance(0.6) && { requestedMac: mac() }),
          ...(chance(0.2) && { reserved: true }),
          ...(chance(0.2) && { device: { id: pick(['x', 'web\u202e', '\u0007', 'd'.repeat(2_000)]) } }),
          ...(chance(0.2) && { requester: { username: 'the-ceo', groups: ['system:masters'] } }),
          ...(chance(0.2) && {
            consumerRef: { apiVersion: 'v1', kind: 'Pod', name: name(), uid: pick(target.uids), nic: 'net' },
          }),
          ...(chance(0.2) && {
            stickyFor: { kind: 'Pod', name: pick(target.names), nic: 'net' },
            mac: mac(),
            ledger: { generation: 1, clusterId: 'c' },
          }),
        },
      }),
    () =>
      client.patch(
        claims,
        { namespace, name: name() },
        {
          type: 'merge',
          body: { spec: { requestedMac: mac(), renewedAt: new Date().toISOString() }, metadata: { finalizers: [] } },
        },
      ),
    () =>
      client.patch(
        claims,
        { namespace, name: name() },
        { type: 'merge', body: { status: { mac: mac() } } },
        { subresource: 'status' },
      ),
    () => client.delete(claims, { namespace, name: name() }),
    () => client.delete(claims, { namespace: target.namespace, name: pick(target.names) }),
    () =>
      client.create(machines, {
        metadata: metadata(),
        spec: { running: chance(0.5), template: { spec: instanceSpec() } },
      }),
    () =>
      client.patch(
        machines,
        { namespace, name: name() },
        { type: 'merge', body: { spec: { template: { spec: instanceSpec() } } } },
      ),
    () => client.create(instances, { metadata: metadata(), spec: instanceSpec() }),
    () => client.delete(instances, { namespace, name: name() }),
    () => client.raw('GET', `/apis/ledger.${GROUP}/${VERSION}/addresses/${mac()}`),
    () => client.raw('GET', `/apis/ledger.${GROUP}/${VERSION}/auditentries?fieldSelector=mac=${mac()}`),
  ];

  return {
    counts,
    step: async () => {
      try {
        await pick(requests)();
        counts.accepted++;
      } catch (error) {
        if (!(error instanceof KubeError)) throw error;
        counts.refused++;
      }
    },
  };
}

function notation(address: MacAddress, style: 'colon' | 'dash' | 'dot' | 'bare' | 'upper'): string {
  const digits = address.replaceAll(':', '');
  switch (style) {
    case 'colon':
      return address;
    case 'upper':
      return address.toUpperCase();
    case 'dash':
      return address.replaceAll(':', '-');
    case 'bare':
      return digits;
    case 'dot':
      return `${digits.slice(0, 4)}.${digits.slice(4, 8)}.${digits.slice(8)}`;
  }
}
