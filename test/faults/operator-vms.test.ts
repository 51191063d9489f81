import { beforeAll, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile, shownAllocations, untilNoAllocations } from '../integration/installed-env.ts';

// Manifests name their addresses here, so the operator runs without the webhook.
const installed = installedEnvOfThisFile({ webhooks: 0, adopt: 'kubernetes' });

beforeAll(async () => {
  await installed().plane.kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '--all']);
});

const KUBEVIRT = { apiVersion: 'kubevirt.io/v1' };

function devices(macAddress: string) {
  return { domain: { devices: { interfaces: [{ name: 'blue', macAddress, bridge: {} }] } } };
}

interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

function machine(name: string, macAddress: string) {
  return { ...KUBEVIRT, kind: 'VirtualMachine', metadata: { name }, spec: { template: { spec: devices(macAddress) } } };
}

function instance(name: string, macAddress: string, owner?: Owner) {
  const ownerReferences = owner === undefined ? [] : [{ ...owner, controller: true }];
  const metadata = { name, ownerReferences };
  return { ...KUBEVIRT, kind: 'VirtualMachineInstance', metadata, spec: devices(macAddress) };
}

/** Returns a virt-launcher pod, which virt-controller creates to run an instance. */
function launcher(name: string, macAddress: string, owner: Owner) {
  const networks = JSON.stringify([{ name: 'blue', mac: macAddress, interface: 'pod16477688c0e' }]);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { 'kubevirt.io': 'virt-launcher' },
      annotations: { 'k8s.v1.cni.cncf.io/networks': networks },
      ownerReferences: [{ ...owner, controller: true }],
    },
    spec: { containers: [{ name: 'compute', image: 'example.invalid/none' }] },
  };
}

interface Manifest {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

/** Creates an object. Returns the fields for an owner reference to it. */
async function create(manifest: Manifest): Promise<Owner> {
  const { kubectl } = installed().plane;
  const uid = await kubectl(['create', '-f', '-', '-o', 'jsonpath={.metadata.uid}'], {
    input: JSON.stringify(manifest),
  });
  return { apiVersion: manifest.apiVersion, kind: manifest.kind, name: manifest.metadata.name, uid: uid.trim() };
}

async function remove(...what: string[]): Promise<void> {
  await installed().plane.kubectl(['delete', ...what, '--grace-period=0']);
}

async function stateOf(address: string): Promise<string | undefined> {
  return (await findByMac(installed().ledger, mac(address)))?.state;
}

/** Waits until the mirrors have exactly these addresses, with these kinds of owners. */
async function waitUntilMirrored(want: Readonly<Record<string, string>>): Promise<void> {
  const { plane, ledger } = installed();
  await eventually(
    async () => {
      const shown = await shownAllocations(plane);
      const kinds: Record<string, string | undefined> = {};
      for (const each of shown) {
        const row = await findByMac(ledger, mac(each.mac ?? ''));
        kinds[each.mac ?? ''] = row?.state === 'active' ? row.owner?.kind : row?.state;
      }
      expect(kinds).toEqual(want);
    },
    { within: 20_000, every: 100 },
  );
}

/** Expects an address to stay held for longer than the interval of the operator's checks. */
async function expectStaysHeld(address: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  expect(await stateOf(address)).toBe('active');
}

test('a machine gets a mirror if KubeVirt was installed later, and keeps its address after stop, start and migration', async () => {
  const { plane } = installed();
  const address = 'a4:58:0f:05:10:01';
  await installForeignCrds(plane.kubectl, ['virtual-machines', 'virtual-machine-instances']);
  const vm = await create(machine('mill', address));
  await waitUntilMirrored({ [address]: 'VirtualMachine' });

  const vmi = await create(instance('mill', address, vm));
  await create(launcher('launcher-source', address, vmi));
  await create(launcher('launcher-target', address, vmi));
  await remove('pod', 'launcher-source');
  await remove('vmi/mill', 'pod/launcher-target');
  await expectStaysHeld(address);
  await waitUntilMirrored({ [address]: 'VirtualMachine' });

  await remove('vm', 'mill');
  await untilNoAllocations(plane);
  expect(await stateOf(address)).toBe('released');
});

test('the address of a deleted machine is released when neither its instance nor a launcher pod uses it', async () => {
  const { plane } = installed();
  const address = 'a4:58:0f:05:10:02';
  const vm = await create(machine('orphan', address));
  const vmi = await create(instance('orphan', address, vm));
  const pod = launcher('launcher-orphan', address, vmi);
  // The pod is on a node without a kubelet, so its deletion does not complete by itself.
  await create({ ...pod, spec: { ...pod.spec, nodeName: 'slow' } });
  await waitUntilMirrored({ [address]: 'VirtualMachine' });

  // The garbage collector does this for `--cascade=orphan`, but may not know kinds that were just installed.
  await plane.kubectl(['patch', 'vmi', 'orphan', '--type=merge', '-p', '{"metadata":{"ownerReferences":null}}']);
  await remove('vm', 'orphan', '--cascade=orphan');
  await expectStaysHeld(address);
  await remove('vmi', 'orphan');
  await plane.kubectl(['delete', 'pod', 'launcher-orphan', '--wait=false']);
  await expectStaysHeld(address);
  await remove('pod', 'launcher-orphan', '--force');
  await untilNoAllocations(plane);
  expect(await stateOf(address)).toBe('released');
});

test('a running machine whose address is changed holds both addresses until its instance has stopped', async () => {
  const { plane } = installed();
  const [before, after] = ['a4:58:0f:05:10:03', 'a4:58:0f:05:10:04'];
  const vm = await create(machine('changed', before));
  await create(instance('changed', before, vm));
  await waitUntilMirrored({ [before]: 'VirtualMachine' });
  const spec = machine('changed', after).spec;
  await plane.kubectl(['patch', 'vm', 'changed', '--type=merge', '-p', JSON.stringify({ spec })]);
  await waitUntilMirrored({ [before]: 'VirtualMachine', [after]: 'VirtualMachine' });
  await remove('vmi', 'changed');
  await waitUntilMirrored({ [after]: 'VirtualMachine' });
  expect(await stateOf(before)).toBe('released');
  await remove('vm', 'changed');
  await untilNoAllocations(plane);
});

test('an instance without a machine owns its address until it has ended', async () => {
  const { plane } = installed();
  const address = 'a4:58:0f:05:10:05';
  await create(instance('lone', address));
  await waitUntilMirrored({ [address]: 'VirtualMachineInstance' });
  await plane.kubectl(['patch', 'vmi', 'lone', '--type=merge', '-p', '{"status":{"phase":"Succeeded"}}']);
  await untilNoAllocations(plane);
  expect(await stateOf(address)).toBe('released');
  await remove('vmi', 'lone');
});
