import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, installedEnvOfThisFile, untilReason, whileLedgerIsAhead } from './installed-env.ts';

/*
 * Tests which owner references the operator believes, and what it does if the annotations of a pod differ. The pods of this
 * file are in namespaces that did not opt in, and an administrator creates them.
 */

const installed = installedEnvOfThisFile({ env: { ROCK_MAC_RESYNC_SECONDS: '2' } });
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const MADE_UP = '11111111-1111-1111-1111-111111111111';

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

interface Reference {
  readonly apiVersion: string;
  readonly uid: string;
  readonly controller: boolean;
  readonly name?: string;
}

async function createLauncher(name: string, address: string, { name: owner = 'x', ...rest }: Reference): Promise<void> {
  const metadata = {
    name,
    namespace: 'bob',
    labels: { 'kubevirt.io': 'virt-launcher' },
    // The garbage collector deletes a pod without its owner as soon as it knows the owner's kind. The pod stays, terminating.
    finalizers: ['tests.mac.rock-os.io/keep'],
    ownerReferences: [{ kind: 'VirtualMachineInstance', name: owner, ...rest }],
    annotations: { [NETWORKS]: `[{"name":"n","mac":"${address}"}]` },
  };
  const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
  await kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec }));
}

/** Creates a KubeVirt object in namespace bob with one interface. Returns its uid. */
async function createMachine(
  kind: string,
  name: string,
  spec: object,
  ownerReferences: object[] = [],
): Promise<string> {
  const metadata = { name, namespace: 'bob', ownerReferences };
  const object = { apiVersion: 'kubevirt.io/v1', kind, metadata, spec };
  return await kubectl(['create', '-o', 'jsonpath={.metadata.uid}', '-f', '-'], JSON.stringify(object));
}

async function observersOf(address: string): Promise<readonly string[]> {
  return (await observationsOfMac(installed().ledger, mac(address))).map(({ object }) => object.name);
}

async function conflictOf(claim: string): Promise<string> {
  const condition = '{.status.conditions[?(@.type=="Conflict")].status}';
  return await kubectl(['get', 'macallocation', claim, '-o', `jsonpath=${condition}`]);
}

async function eventReasonsOf(pod: string, namespace: string): Promise<string> {
  const args = ['get', 'events.events.k8s.io', '-n', namespace, `--field-selector=regarding.name=${pod}`];
  return await kubectl([...args, '-o', 'jsonpath={.items[*].reason}']);
}

const eventuallyExpect = (check: () => Promise<void>) => eventually(check, { within: 30_000, every: 200 });

beforeAll(async () => {
  await installForeignCrds(installed().plane.kubectl);
  await kubectl(['create', 'namespace', 'bob']);
  await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', 'bob']), { within: 20_000 });
});

describe('a pod with a made-up instance as its owner', () => {
  test.each<[string, Reference]>([
    ['of-another-group', { apiVersion: 'made.up/v1', uid: MADE_UP, controller: true }],
    ['not-its-controller', { apiVersion: 'kubevirt.io/v1', uid: MADE_UP, controller: false }],
    ['that-does-not-exist', { apiVersion: 'kubevirt.io/v1', uid: MADE_UP, controller: true }],
  ])('%s does not hide that it uses an address of another', async (name, reference) => {
    await kubectl(['create', '-f', '-'], aClaim(name, { pool: 'development' }));
    const address = (await untilReason(installed().plane, name, 'Allocated')).status?.mac ?? '';
    await createLauncher(name, address, reference);
    await eventuallyExpect(async () => {
      expect(await conflictOf(name)).toBe('True');
    });
    expect(await observersOf(address)).toEqual([name]);
  });

  test('does not hide that it uses a free address, which nobody else gets meanwhile', async () => {
    const address = 'a4:58:0f:01:88:01';
    await createLauncher('ghost', address, { apiVersion: 'kubevirt.io/v1', uid: MADE_UP, controller: true });
    await eventuallyExpect(async () => {
      expect(await observersOf(address)).toEqual(['ghost']);
    });
  });

  test('with the name of an instance and another uid is not believed either', async () => {
    await createMachine('VirtualMachineInstance', 'real', { domain: { devices: { interfaces: [] } } });
    const address = 'a4:58:0f:01:88:02';
    await createLauncher('namesake', address, {
      apiVersion: 'kubevirt.io/v1',
      uid: MADE_UP,
      controller: true,
      name: 'real',
    });
    await eventuallyExpect(async () => {
      expect(await observersOf(address)).toEqual(['namesake']);
    });
  });
});

test('the launcher pod of a real instance has the addresses of its machine, without a conflict', async () => {
  await kubectl(['label', 'namespace', 'bob', 'mac.rock-os.io/inject=enabled']);
  const address = 'a4:58:0f:05:88:03';
  const interfaces = [{ name: 'blue', bridge: {}, macAddress: address }];
  const template = { domain: { devices: { interfaces } }, networks: [{ name: 'blue', multus: { networkName: 'n' } }] };
  const machine = await createMachine('VirtualMachine', 'vm', { runStrategy: 'Always', template: { spec: template } });
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name: 'vm', uid: machine, controller: true };
  const instance = await createMachine('VirtualMachineInstance', 'vm', template, [owner]);
  await createLauncher('launcher', address, {
    apiVersion: 'kubevirt.io/v1',
    uid: instance,
    controller: true,
    name: 'vm',
  });
  const owned = { state: 'active', owner: { kind: 'VirtualMachine', name: 'vm' } };
  await eventuallyExpect(async () => {
    expect(await findByMac(installed().ledger, mac(address))).toMatchObject(owned);
  });
  // A stray that is created later is observed, so a resync has seen the launcher pod by then.
  const later = 'a4:58:0f:01:88:04';
  await createLauncher('later', later, { apiVersion: 'kubevirt.io/v1', uid: MADE_UP, controller: true });
  await eventuallyExpect(async () => {
    expect(await observersOf(later)).toEqual(['later']);
  });
  expect(await observersOf(address)).toEqual([]);
  expect(await eventReasonsOf('launcher', 'bob')).toBe('');
});

test('an address that only the annotation of rock-mac reports stays the pod’s, and an Event and a condition say so', async () => {
  const { plane, ledger } = installed();
  const created = await kubectl(['create', '-o', 'json', '-f', '-'], aPod('changed', { networks: 'blue' }));
  const { annotations } = (JSON.parse(created) as { metadata: { annotations: Record<string, string> } }).metadata;
  const address = /"mac":"([^"]+)"/.exec(annotations[NETWORKS] ?? '')?.[1] ?? '';
  // The webhook does not see the status, so this is what a plugin leaves that runs after it.
  const body = JSON.stringify({ metadata: { annotations: { [NETWORKS]: 'blue' } } });
  await kubectl(['patch', 'pod', 'changed', '--subresource=status', '--type=merge', '-p', body]);
  await eventuallyExpect(async () => {
    expect(await eventReasonsOf('changed', 'default')).toContain('AddressNotApplied');
  });
  const reasons = '{.items[?(@.spec.consumerRef.name=="changed")].status.conditions[?(@.type=="Bound")].reason}';
  await eventuallyExpect(async () => {
    expect(await plane.kubectl(['get', 'macallocations', '-o', `jsonpath=${reasons}`])).toBe('NotInNetworks');
  });
  const owned = { state: 'active', owner: { kind: 'Pod', name: 'changed', nic: 'default/blue#0' } };
  expect(await findByMac(ledger, mac(address))).toMatchObject(owned);
});

test('an instance that names the machine of another namespace as its owner does not end what was observed of it', async () => {
  await kubectl(['create', 'namespace', 'carol']);
  await kubectl(['label', 'namespace', 'bob', 'mac.rock-os.io/inject-']);
  const address = 'a4:58:0f:01:88:05';
  const spec = (macAddress: string) => ({
    domain: { devices: { interfaces: [{ name: 'blue', bridge: {}, macAddress }] } },
    networks: [{ name: 'blue', multus: { networkName: 'n' } }],
  });
  const virtualMachine = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: 'observed', namespace: 'carol' },
    spec: { runStrategy: 'Halted', template: { spec: spec(address) } },
  };
  const uid = await kubectl(['create', '-o', 'jsonpath={.metadata.uid}', '-f', '-'], JSON.stringify(virtualMachine));
  await eventuallyExpect(async () => {
    expect(await observersOf(address)).toEqual(['observed']);
  });
  const [before] = await observationsOfMac(installed().ledger, mac(address));
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name: 'made-up', uid, controller: true };
  const forged = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: 'forged', namespace: 'bob', ownerReferences: [owner] },
    spec: spec('a4:58:0f:01:88:06'),
    status: { interfaces: [{ name: 'blue', mac: 'a4:58:0f:01:88:07' }] },
  };
  await kubectl(['create', '-f', '-'], JSON.stringify(forged));
  // The garbage collector may delete it at once, which is looked at in the same way.
  // By the next resync the instance has been looked at. An observation that had ended would have begun again.
  await createLauncher('later-still', 'a4:58:0f:01:88:08', {
    apiVersion: 'made.up/v1',
    uid: MADE_UP,
    controller: true,
  });
  await eventuallyExpect(async () => {
    expect(await observersOf('a4:58:0f:01:88:08')).toEqual(['later-still']);
  });
  expect(await observationsOfMac(installed().ledger, mac(address))).toEqual([before]);
});

test('a pod with a made-up owner does not keep the address of a refused create, which is released when its lease ends', async () => {
  await kubectl(['label', 'namespace', 'bob', 'mac.rock-os.io/inject-']);
  await kubectl(['create', 'namespace', 'alice']);
  await kubectl(['create', 'quota', 'none', '--hard=pods=0', '-n', 'alice']);
  const refused = kubectl(['create', '-n', 'alice', '-f', '-'], aPod('refused', { networks: 'blue' }));
  await expect(refused).rejects.toThrow(/quota/);
  const pending = (await listAddresses(installed().ledger)).find(({ owner }) => owner?.namespace === 'alice');
  expect(pending).toMatchObject({ state: 'pending', owner: { name: 'refused' } });
  const address = pending?.mac ?? '';
  // The garbage collector ends a pod whose owner does not exist as soon as it knows the kind, which it never does here.
  await createLauncher('ghost-of-refused', address, { apiVersion: 'made.up/v1', uid: MADE_UP, controller: true });
  await eventuallyExpect(async () => {
    expect(await observersOf(address)).toEqual(['ghost-of-refused']);
  });
  await whileLedgerIsAhead(installed().ledger, '3 minutes', () =>
    eventuallyExpect(async () => {
      expect(await findByMac(installed().ledger, mac(address))).toMatchObject({ state: 'released', observed: true });
    }),
  );
});
