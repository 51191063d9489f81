import { z } from 'zod';
import { type MacAddress, parseAnyMac } from '../mac/mac-address.ts';
import type { ReportedInterface } from './network-status.ts';
import { compareReported, MOST_INTERFACES_READ, type Nic, unicastMac } from './nic.ts';

/** The paths of the interfaces in a VirtualMachine and a VirtualMachineInstance. */
const VM_INTERFACES = ['spec', 'template', 'spec', 'domain', 'devices', 'interfaces'];
const VMI_INTERFACES = ['spec', 'domain', 'devices', 'interfaces'];
const VM_NETWORKS = ['spec', 'template', 'spec', 'networks'];
const VMI_NETWORKS = ['spec', 'networks'];
/** The path of the reported interfaces of a running instance, whose address field is `mac`. */
const VMI_STATUS_INTERFACES = ['status', 'interfaces'];

/** Returns the addresses in the template of a VirtualMachine. */
export function vmNics(virtualMachine: unknown): readonly Nic[] {
  return withNetworks(nicsAt(virtualMachine, VM_INTERFACES, 'macAddress'), virtualMachine, VM_NETWORKS);
}

/** Returns the addresses in the spec of a VirtualMachineInstance, compared with those that its status reports. */
export function vmiNics(instance: unknown): readonly Nic[] {
  const nics = nicsAt(instance, VMI_INTERFACES, 'macAddress').map(({ nic, mac }) => ({
    nic,
    mac,
    ...compareReported(mac, reportedMacs(instance, nic)),
  }));
  return withNetworks(nics, instance, VMI_NETWORKS);
}

/** Returns the addresses in the status of a VirtualMachineInstance, even those being unplugged. */
export function vmiStatusNics(instance: unknown): readonly Nic[] {
  return withNetworks(nicsAt(instance, VMI_STATUS_INTERFACES, 'mac'), instance, VMI_NETWORKS);
}

/** Adds the networks to interfaces. An interface has the name of its network. */
function withNetworks(nics: readonly Nic[], object: unknown, path: readonly string[]): readonly Nic[] {
  if (nics.length === 0) return nics;
  const namespace = member(member(object, 'metadata'), 'namespace');
  const home = typeof namespace === 'string' ? namespace : '';
  const networks = new Map(parsedAt(object, path, networkSpec).map((each) => [each.name, each.multus]));
  return nics.map((nic) => {
    const definition = networks.get(nic.nic)?.networkName;
    if (definition === undefined) return nic;
    return { ...nic, network: definition.includes('/') ? definition : `${home}/${definition}` };
  });
}

const interfaceSpec = z.object({ name: z.string(), masquerade: z.unknown().optional() });
const networkSpec = z.object({ name: z.string(), multus: z.object({ networkName: z.string() }).optional() });

/**
 * Returns the interfaces that a running VirtualMachineInstance reports. An interface that only the guest reports is inside of
 * the guest, and one behind masquerade is behind an address translation: neither reaches a network
 * (https://kubevirt.io/user-guide/network/interfaces_and_networks/).
 */
export function vmiOnWire(instance: unknown): readonly ReportedInterface[] {
  const specs = new Map(parsedAt(instance, VMI_INTERFACES, interfaceSpec).map((each) => [each.name, each]));
  return vmiStatusNics(instance).flatMap(({ nic: name, mac, network }): ReportedInterface[] => {
    const spec = specs.get(name);
    return spec === undefined || spec.masquerade !== undefined ? [] : [{ name, mac, network }];
  });
}

function parsedAt<T>(object: unknown, path: readonly string[], schema: z.ZodType<T>): readonly T[] {
  return listAt(object, path).flatMap((entry) => schema.safeParse(entry).data ?? []);
}

/**
 * Collects the addresses at a path. KubeVirt's schema is large and changes, so only the path to the interfaces is assumed.
 * A value of another shape on that path has no addresses. Of more than
 * `MOST_INTERFACES_READ`, the first.
 */
function nicsAt(object: unknown, path: readonly string[], field: string): readonly Nic[] {
  const nics = listAt(object, path).flatMap((entry): Nic[] => {
    const [nic, mac] = [member(entry, 'name'), member(entry, field)];
    const used = typeof mac === 'string' ? unicastMac(mac) : undefined;
    // An interface that only the guest agent reports has no name, but its address is in use.
    return used === undefined ? [] : [{ nic: typeof nic === 'string' ? nic : '', mac: used }];
  });
  return nics.slice(0, MOST_INTERFACES_READ);
}

/** Returns the addresses that an instance reports for one interface. That of a passed-through device may be missing. */
function reportedMacs(instance: unknown, nic: string): readonly MacAddress[] {
  const entries = listAt(instance, VMI_STATUS_INTERFACES).slice(0, MOST_INTERFACES_READ);
  return entries.flatMap((entry) => {
    const mac = member(entry, 'mac');
    return member(entry, 'name') === nic && typeof mac === 'string' ? (parseAnyMac(mac) ?? []) : [];
  });
}

function listAt(object: unknown, path: readonly string[]): readonly unknown[] {
  let value = object;
  for (const step of path) value = member(value, step);
  return Array.isArray(value) ? value : [];
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
