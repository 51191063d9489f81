import { z } from 'zod';

/** An interface of a virtual machine as far as it matters here. */
export interface MachineInterface {
  /** Its place in the list, for a patch. */
  readonly index: number;
  readonly name: string;
  readonly mac?: string | undefined;
  /** Whether the address in the spec is the one on the wire. */
  readonly passedOn: boolean;
}

const interfaceSchema = z.object({
  name: z.string(),
  macAddress: z.string().nullish(),
  /** `absent`: being unplugged. */
  state: z.string().nullish(),
  masquerade: z.unknown().optional(),
});

const networkSchema = z.object({
  name: z.string(),
  multus: z.object({ default: z.boolean().nullish() }).nullish(),
});

const instanceSpec = z.object({
  domain: z.object({ devices: z.object({ interfaces: z.array(z.unknown()) }) }),
  networks: z.array(z.unknown()).nullish(),
});

/**
 * The interfaces of the spec of a VirtualMachineInstance, or of a VirtualMachine's template. What has another shape than
 * KubeVirt's is left out: KubeVirt refuses it.
 */
export function machineInterfaces(spec: unknown): readonly MachineInterface[] {
  const parsed = instanceSpec.safeParse(spec);
  if (!parsed.success) return [];
  const networks = (parsed.data.networks ?? []).flatMap((network) => networkSchema.safeParse(network).data ?? []);
  return parsed.data.domain.devices.interfaces.flatMap((each, index): MachineInterface[] => {
    const read = interfaceSchema.safeParse(each);
    if (!read.success) return [];
    const { name, macAddress, state } = read.data;
    const network = networks.find((candidate) => candidate.name === name);
    const passedOn = state !== 'absent' && network !== undefined && isPassedOn(read.data, network);
    return [{ index, name, mac: macAddress ?? undefined, passedOn }];
  });
}

/**
 * KubeVirt names the address to the CNI only for networks of Multus beside the default one. On the pod's own network it
 * stays inside the machine, which is good with masquerade (the guest is behind NAT) and wrong with every other binding:
 * there the network knows the pod by another address.
 */
function isPassedOn(
  { masquerade }: z.infer<typeof interfaceSchema>,
  { multus }: z.infer<typeof networkSchema>,
): boolean {
  const secondary = multus !== null && multus !== undefined && multus.default !== true;
  return secondary || masquerade !== undefined;
}
