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

const NETWORK_STATUS = 'k8s.v1.cni.cncf.io/network-status';

function aPod(name: string, annotations: Record<string, string>): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
  };
}

/** Returns what a test does with objects in one namespace. */
export function objectsIn({ kubectl }: ControlPlane, namespace: string) {
  const inNamespace = ['-n', namespace];
  const create = (object: object) => kubectl(['create', ...inNamespace, '-f', '-'], { input: JSON.stringify(object) });
  const statusOf = (reported: readonly Reported[]) =>
    JSON.stringify(
      reported.map(({ mac, network = 'net' }, index) => ({
        name: `${namespace}/${network}`,
        interface: `net${String(index + 1)}`,
        mac,
      })),
    );
  const run = (name: string) => {
    const patch = JSON.stringify({ status: { phase: 'Running' } });
    return kubectl(['patch', 'pod', name, ...inNamespace, '--subresource=status', '-p', patch]);
  };
  return {
    namespace,
    /** Creates a pod, on which Multus reports these addresses, and lets it run. */
    pod: async (name: string, reported: readonly Reported[], annotations: Record<string, string> = {}) => {
      await create(aPod(name, { [NETWORK_STATUS]: statusOf(reported), ...annotations }));
      await run(name);
    },
    /** Creates a pod that does not run yet. */
    pendingPod: (name: string, annotations: Record<string, string>) => create(aPod(name, annotations)),
    /** Lets such a pod run. Multus reports these addresses on it. */
    startPod: async (name: string, reported: readonly Reported[]) => {
      await kubectl(['annotate', 'pod', name, ...inNamespace, `${NETWORK_STATUS}=${statusOf(reported)}`]);
      await run(name);
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
