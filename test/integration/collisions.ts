import { expect } from 'vitest';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { eventually } from '../env/run/eventually.ts';

/* Running objects whose status reports addresses, as Multus and KubeVirt write it. */

/** An interface as it is reported. */
export interface Reported {
  readonly mac: string;
  /** The name of a NetworkAttachmentDefinition of the namespace. */
  readonly network?: string;
}

/** Returns what a test does with objects in one namespace. */
export function objectsIn({ kubectl }: ControlPlane, namespace: string) {
  const inNamespace = ['-n', namespace];
  const create = (object: object) => kubectl(['create', ...inNamespace, '-f', '-'], { input: JSON.stringify(object) });
  return {
    namespace,
    /** Creates a pod, on which Multus reports these addresses, and lets it run. */
    pod: async (name: string, reported: readonly Reported[], annotations: Record<string, string> = {}) => {
      const status = reported.map(({ mac, network = 'net' }, index) => ({
        name: `${namespace}/${network}`,
        interface: `net${String(index + 1)}`,
        mac,
      }));
      await create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name,
          annotations: { 'k8s.v1.cni.cncf.io/network-status': JSON.stringify(status), ...annotations },
        },
        spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
      });
      const patch = JSON.stringify({ status: { phase: 'Running' } });
      await kubectl(['patch', 'pod', name, ...inNamespace, '--subresource=status', '-p', patch]);
    },
    /** Creates a running instance that reports these addresses, and is a side of a migration or has migrated from node to node. */
    instance: (name: string, reported: readonly Reported[], migration?: string, isAcross = true) =>
      create({
        apiVersion: 'kubevirt.io/v1',
        kind: 'VirtualMachineInstance',
        metadata: { name },
        spec: {
          domain: {
            devices: { interfaces: reported.map((_, index) => ({ name: `nic${String(index)}`, bridge: {} })) },
          },
          networks: reported.map(({ network = 'net' }, index) => ({
            name: `nic${String(index)}`,
            multus: { networkName: network },
          })),
        },
        status: {
          phase: 'Running',
          interfaces: reported.map(({ mac }, index) => ({ name: `nic${String(index)}`, mac })),
          ...(migration !== undefined && {
            migrationState: {
              migrationUid: migration,
              ...(isAcross && {
                sourceState: { migrationUID: migration },
                targetState: { migrationUID: `${migration}-of-target` },
              }),
            },
          }),
        },
      }),
    removePod: (name: string) =>
      kubectl(['delete', 'pod', name, ...inNamespace, '--grace-period=0', '--force', '--wait=false']),
    removeInstance: (name: string) => kubectl(['delete', 'vmi', name, ...inNamespace]),
    /** Returns the notes of the collisions on an object, the newest last. */
    collisionsOf: async (name: string): Promise<readonly string[]> => {
      const path = '{range .items[?(@.reason=="AddressCollision")]}{.note}{"\\n"}{end}';
      const selector = `--field-selector=regarding.name=${name}`;
      const text = await kubectl(['get', 'events.events.k8s.io', ...inNamespace, selector, '-o', `jsonpath=${path}`]);
      return text.split('\n').filter((line) => line !== '');
    },
  };
}

export async function untilEqual<T>(read: () => Promise<T>, expected: T, within = 15_000): Promise<void> {
  await eventually(
    async () => {
      expect(await read()).toEqual(expected);
    },
    { within, every: 100 },
  );
}
