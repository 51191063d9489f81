import { expect } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { mac } from '../../mac/mac-address.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';

/* Virtual machines whose guest migrates to another machine, in a namespace or cluster of its own. */

/** A machine with one interface on the network `blue`, with this address or none. */
export function machine(name: string, macAddress?: string, run = 'Always'): object {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name },
    spec: { runStrategy: run, template: { spec: specOf(macAddress) } },
  };
}

/**
 * The running instance of a machine. Its guest has this address, and both sides of a migration name it. The machine may have another
 * address.
 */
export function instance(name: string, uid: string, macAddress: string, ofMachine = macAddress) {
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name, uid, controller: true };
  const migrationState = { migrationUid: name, sourceState: { migrationUID: name } };
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name, ownerReferences: [owner] },
    spec: specOf(ofMachine),
    status: { phase: 'Running', interfaces: [{ name: 'blue', mac: macAddress }], migrationState },
  };
}

/** The patch that gives a machine one interface with this address, or takes all of them away. */
export function interfacesPatch(macAddress?: string): string {
  const none = { domain: { devices: { interfaces: [] } }, networks: [] };
  return JSON.stringify({ spec: { template: { spec: macAddress === undefined ? none : specOf(macAddress) } } });
}

/** An instance whose guest was started here, and did not migrate. */
export function withoutMigration({ status: { migrationState: _, ...status }, ...rest }: ReturnType<typeof instance>) {
  return { ...rest, status };
}

function specOf(macAddress: string | undefined) {
  const interfaces = [{ name: 'blue', bridge: {}, ...(macAddress !== undefined && { macAddress }) }];
  return { domain: { devices: { interfaces } }, networks: [{ name: 'blue', multus: { networkName: 'blue' } }] };
}

/** Installs the kinds of KubeVirt, and waits until a machine gets an address. */
export async function prepareMachines({ kubectl }: ControlPlane, namespaces: readonly string[]): Promise<void> {
  await installForeignCrds(kubectl);
  for (const namespace of namespaces) {
    await kubectl(['create', 'namespace', namespace]);
    await kubectl(['label', 'namespace', namespace, 'mac.rock-os.io/inject=enabled']);
    const input = JSON.stringify(machine('early'));
    await eventually(() => kubectl(['create', '--dry-run=server', '-n', namespace, '-f', '-'], { input }));
  }
}

/** The machines of one namespace. */
export function machinesIn(plane: ControlPlane, namespace: string) {
  const { kubectl } = plane;
  const create = (object: object) =>
    kubectl(['create', '-n', namespace, '-f', '-', '-o', 'jsonpath={.metadata.uid}'], {
      input: JSON.stringify(object),
    });
  const mirrorField = (address: string, field: string) => {
    const path = `{.items[?(@.spec.mac=="${address}")]${field}}`;
    return kubectl(['get', 'macallocations', '-n', namespace, '-o', `jsonpath=${path}`]);
  };
  return {
    create,
    /** Returns the address of a machine. */
    addressOf: (name: string) =>
      kubectl(['get', 'vm', name, '-n', namespace, '-o', 'jsonpath={..interfaces[0].macAddress}']),
    uidOf: (name: string) => kubectl(['get', 'vm', name, '-n', namespace, '-o', 'jsonpath={.metadata.uid}']),
    /** Creates a machine with an address. Resolves to why it was refused, or to `admitted`. */
    tryReceive: (name: string, address: string, run = 'WaitAsReceiver') =>
      create(machine(name, address, run)).then(
        () => 'admitted',
        (error: unknown) => String(error),
      ),
    offer: (name: string, to: string) =>
      kubectl(['annotate', '--overwrite', 'vm', name, '-n', namespace, `mac.rock-os.io/transfer-to=${to}`]),
    withdraw: (name: string) => kubectl(['annotate', 'vm', name, '-n', namespace, 'mac.rock-os.io/transfer-to-']),
    remove: (...names: readonly string[]) => kubectl(['delete', '-n', namespace, ...names]),
    /** Returns the names of the machines that have a mirror of an address. */
    mirrorsOf: (address: string) => mirrorField(address, '.spec.consumerRef.name'),
    mirrorNames: (address: string) => mirrorField(address, '.metadata.name'),
    events: () => kubectl(['get', 'events.events.k8s.io', '-n', namespace, '-o', 'jsonpath={.items[*].reason}']),
  };
}

/** Waits until the row of an address looks like this. */
export async function untilRow(ledger: LedgerClient, address: string, row: object): Promise<void> {
  await eventually(
    async () => {
      expect(await findByMac(ledger, mac(address))).toMatchObject(row);
    },
    { within: 60_000, every: 100 },
  );
}
