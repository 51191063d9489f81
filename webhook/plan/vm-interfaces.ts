import { z } from 'zod';

/** The fields of a virtual machine's interface that matter here. */
export interface MachineInterface {
  /** The index in the list, for a patch. */
  readonly index: number;
  readonly name: string;
  readonly mac?: string | undefined;
  /** Its NetworkAttachmentDefinition: `namespace/name`, or a name in the namespace of the machine. */
  readonly network?: string | undefined;
  /** Whether the address in the spec is the one on the wire. */
  readonly passedOn: boolean;
}

const interfaceSchema = z.object({
  name: z.string(),
  macAddress: z.string().nullish(),
  /** `absent` while the interface is being unplugged. */
  state: z.string().nullish(),
  masquerade: z.unknown().optional(),
});

const networkSchema = z.object({
  name: z.string(),
  multus: z.object({ networkName: z.string().nullish(), default: z.boolean().nullish() }).nullish(),
});

const instanceSpec = z.object({
  domain: z.object({ devices: z.object({ interfaces: z.array(z.unknown()) }) }),
  networks: z.array(z.unknown()).nullish(),
});

/**
 * Returns the interfaces in the spec of a VirtualMachineInstance, or of a VirtualMachine's template. Entries that do not
 * have KubeVirt's shape are left out, because KubeVirt refuses them.
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
    const networkName = network?.multus?.networkName ?? undefined;
    return [{ index, name, mac: macAddress ?? undefined, network: networkName, passedOn }];
  });
}

/**
 * KubeVirt passes the address to the CNI only on secondary networks of Multus. On the pod's own network the address stays
 * inside the machine. That is right with masquerade, where the guest is behind NAT. With every other binding it is wrong,
 * because the network knows the pod by another address.
 */
function isPassedOn(
  { masquerade }: z.infer<typeof interfaceSchema>,
  { multus }: z.infer<typeof networkSchema>,
): boolean {
  const secondary = multus !== null && multus !== undefined && multus.default !== true;
  return secondary || masquerade !== undefined;
}
