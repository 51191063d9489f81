import { z } from 'zod';

/* Objects as users of kubemacpool have them. */

/** Returns a pod on one network of Multus, in the JSON form, which is the only one that kubemacpool knows. */
export function networkPod(name: string, network = 'blue') {
  const annotations = { 'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: network }]) };
  const containers = [{ name: 'main', image: 'example.invalid/none' }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, annotations }, spec: { containers } };
}

export interface MachineNic {
  readonly name: string;
  readonly bridge: object;
  readonly macAddress?: string;
}

/** Returns an interface of a machine on the network of its name. */
export function machineNic(name: string, macAddress?: string): MachineNic {
  return { name, bridge: {}, ...(macAddress !== undefined && { macAddress }) };
}

/** Returns a VirtualMachine. */
export function machine(name: string, interfaces: readonly MachineNic[], metadata: object = {}) {
  const networks = interfaces.map((nic) => ({ name: nic.name, multus: { networkName: nic.name } }));
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name, ...metadata },
    spec: { runStrategy: 'Halted', template: { spec: { domain: { devices: { interfaces } }, networks } } },
  };
}

const stored = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        domain: z.object({
          devices: z.object({ interfaces: z.array(z.object({ macAddress: z.string().optional() })).default([]) }),
        }),
      }),
    }),
  }),
});

/** Returns the addresses of a stored machine, in the order of its interfaces. */
export function macsOfMachine(json: string): (string | undefined)[] {
  const { spec } = stored.parse(JSON.parse(json));
  return spec.template.spec.domain.devices.interfaces.map(({ macAddress }) => macAddress);
}
