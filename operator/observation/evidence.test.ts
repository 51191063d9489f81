import { describe, expect, test } from 'vitest';
import type { Nic } from '../../api/nic.ts';
import { podNics } from '../../api/pod-nics.ts';
import { vmNics } from '../../api/vm-nics.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import type { KubeObject, ObjectKey } from '../../kube/client/objects.ts';
import { type Resource, resourcePath } from '../../kube/client/resource.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { mac } from '../../mac/mac-address.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { podWorkload } from '../live/pod.ts';
import { virtualMachineWorkload } from '../live/virtual-machine.ts';
import type { WorkloadKind } from '../live/workload.ts';
import { createCollector, namespaceEvidence } from './evidence.ts';
import type { Occasion } from './grant.ts';

function aNamespace(labels: Record<string, string>) {
  return { metadata: { name: 'web', uid: 'u-1', resourceVersion: '7', labels } };
}

test.each([
  [{}, 'opt-in', false],
  [{}, 'opt-out', true],
  [{ 'mac.rock-os.io/inject': 'enabled' }, 'opt-in', true],
  [{ 'mac.rock-os.io/inject': 'disabled' }, 'opt-out', false],
] as const)(
  'admission sees the objects of a namespace with the labels %j in the mode %s: %s',
  (labels, mode, isOptedIn) => {
    const pool = isOptedIn ? 'kubernetes' : undefined;
    expect(namespaceEvidence(aNamespace(labels), { workloadPool: 'kubernetes', mode })).toMatchObject({
      isOptedIn,
      pool,
    });
  },
);

const MAC = mac('a4:58:0f:05:00:01');
const range = { first: mac('a4:58:0f:05:00:00'), last: mac('a4:58:0f:05:ff:ff') };
const production = { ...range, name: 'production', autoReleaseSeconds: null, reuseDelaySeconds: 60, description: '' };
const released: AddressRow = {
  mac: MAC,
  pool: 'production',
  state: 'released',
  generation: 1,
  key: 'object/c1/u0',
  origin: 'allocate',
  observed: false,
  metadata: {},
  allocatedAt: new Date(0),
  changedAt: new Date(0),
  requester: 'bob',
  actor: 'bob',
  reason: '',
};

/** A collector in a cluster where the network team/blue names the pool, and what it has read. The keys of the tokens cannot be read. */
function aCollector(occasion: Occasion) {
  const reads: string[] = [];
  const blue = { metadata: { namespace: 'team', name: 'blue', annotations: { 'mac.rock-os.io/pool': 'production' } } };
  const client = {
    find: (resource: Resource<KubeObject>, key: ObjectKey) => {
      reads.push(resourcePath(resource, key));
      return Promise.resolve(aNamespace({ 'mac.rock-os.io/inject': 'enabled' }));
    },
    list: (resource: Resource<KubeObject>, { namespace }: { namespace?: string }) => {
      reads.push(resourcePath(resource, { namespace }));
      return Promise.resolve({ items: [blue], resourceVersion: '1' });
    },
  } as unknown as KubeClient;
  const collector = createCollector(
    {
      occasion,
      isMirrored: () => false,
      pools: [{ ...production, strategy: 'sequential', paused: false, used: true }],
      registeredAt: new Date(0),
    },
    {
      client,
      workloadPool: 'kubernetes',
      modes: { pods: 'opt-in', virtualMachines: 'opt-in' },
      stockTokens: { read: () => Promise.reject(new Error('no right to read the Secret')) },
      now: () => new Date(0),
    },
  );
  return { collector, reads };
}

function usedBy(kind: WorkloadKind, nic: Nic, changes: Partial<WorkloadAddress> = {}): WorkloadAddress {
  const metadata = { namespace: 'team', name: 'one', uid: 'u1', resourceVersion: '1' };
  const owner = { clusterId: 'c1', kind: kind.resource.kind, namespace: 'team', name: 'one', uid: 'u1', nic: nic.nic };
  const workload = { metadata, nics: [nic], uses: [nic.mac] };
  return { mac: nic.mac, network: nic.network, owner, workload, kind, ...changes };
}

function podWith(annotations: Record<string, string>): readonly Nic[] {
  return podNics({ namespace: 'team', annotations });
}

function machineWith(networkName: string): readonly Nic[] {
  const networks = [{ name: 'net', multus: { networkName } }];
  const domain = { devices: { interfaces: [{ name: 'net', macAddress: MAC }] } };
  return vmNics({ metadata: { namespace: 'team' }, spec: { template: { spec: { domain, networks } } } });
}

const NETWORKS_PATH = '/apis/k8s.cni.cncf.io/v1/namespaces/team/network-attachment-definitions';

describe.each(['team/a/b', 'team/', 'team/..', 'team/a%2fb', 'team/Blue'])(
  'the network %j, which cannot exist',
  (name) => {
    test.each<[string, WorkloadKind, readonly Nic[]]>([
      [
        'the network status of a pod',
        podWorkload(),
        podWith({ 'k8s.v1.cni.cncf.io/network-status': JSON.stringify([{ name, interface: 'net1', mac: MAC }]) }),
      ],
      [
        'the addresses annotation of a pod',
        podWorkload(),
        podWith({ 'mac.rock-os.io/addresses': JSON.stringify([{ network: name, mac: MAC }]) }),
      ],
      ['a virtual machine', virtualMachineWorkload(), machineWith(name)],
    ])('names no pool in %s', async (_, kind, nics) => {
      const { collector } = aCollector('recovery');
      expect(nics).toMatchObject([{ network: name }]);
      for (const nic of nics) {
        expect(await collector.evidenceFor(usedBy(kind, nic), undefined)).toMatchObject({ namedPool: undefined });
      }
    });
  },
);

test('the networks of a namespace are listed once, however many names its objects have', async () => {
  const { collector, reads } = aCollector('recovery');
  for (const network of ['team/blue', 'team/a', 'team/b', 'other/blue', 'team/blue']) {
    const address = usedBy(podWorkload(), { nic: 'net1', mac: MAC, network });
    const namedPool = network === 'team/blue' ? 'production' : undefined;
    expect(await collector.evidenceFor(address, undefined)).toMatchObject({ namedPool });
  }
  expect(reads).toEqual(['/api/v1/namespaces/team', NETWORKS_PATH]);
});

const withToken = { stockToken: { text: 'made-up', generateName: '' } };

test.each<[string, Occasion, AddressRow | undefined]>([
  ['that nobody had, outside of a recovery', 'usual', undefined],
  ['that somebody had', 'usual', released],
  ['that somebody had, in a recovery', 'recovery', released],
])('neither networks nor the keys of tokens are read for an address %s', async (_, occasion, row) => {
  const { collector, reads } = aCollector(occasion);
  const address = usedBy(podWorkload(), { nic: 'net1', mac: MAC, network: 'team/blue' }, withToken);
  expect(await collector.evidenceFor(address, row)).toMatchObject({ hasToken: false, namedPool: undefined });
  expect(reads).toEqual(['/api/v1/namespaces/team']);
});

test('neither is read for an object that admission did not see', async () => {
  const { collector, reads } = aCollector('recovery');
  const address = usedBy(podWorkload(), { nic: 'net1', mac: MAC, network: 'team/blue' }, withToken);
  const unseen = { ...address, workload: { ...address.workload, skippedAdmission: true } };
  expect(await collector.evidenceFor(unseen, undefined)).toMatchObject({ hasToken: false, namedPool: undefined });
  expect(reads).toEqual(['/api/v1/namespaces/team']);
});

test('both are read for an address of a replication gap', async () => {
  const gap: AddressRow = { ...released, state: 'orphaned', origin: 'replication-gap' };
  const { collector } = aCollector('usual');
  const address = usedBy(podWorkload(), { nic: 'net1', mac: MAC, network: 'team/blue' });
  expect(await collector.evidenceFor(address, gap)).toMatchObject({ namedPool: 'production' });
  await expect(collector.evidenceFor({ ...address, ...withToken }, gap)).rejects.toThrow('no right to read');
});
