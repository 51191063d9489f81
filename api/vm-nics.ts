import { type MacAddress, parseAnyMac } from '../mac/mac-address.ts';
import type { Prefixes } from '../mac/mac-range.ts';
import { compareReported, type Nic, ourMac } from './nic.ts';

/** The paths of the interfaces in a VirtualMachine and a VirtualMachineInstance. */
const VM_INTERFACES = ['spec', 'template', 'spec', 'domain', 'devices', 'interfaces'];
const VMI_INTERFACES = ['spec', 'domain', 'devices', 'interfaces'];
/** The path of the reported interfaces of a running instance, whose address field is `mac`. */
const VMI_STATUS_INTERFACES = ['status', 'interfaces'];

/** Returns the addresses under one of the prefixes in the template of a VirtualMachine. */
export function vmNics(virtualMachine: unknown, prefixes: Prefixes): readonly Nic[] {
  return nicsAt(virtualMachine, VM_INTERFACES, 'macAddress', prefixes);
}

/** Returns the addresses under one of the prefixes in the spec of a VirtualMachineInstance, compared with those that its status reports. */
export function vmiNics(instance: unknown, prefixes: Prefixes): readonly Nic[] {
  return nicsAt(instance, VMI_INTERFACES, 'macAddress', prefixes).map(({ nic, mac }) => ({
    nic,
    mac,
    ...compareReported(mac, reportedMacs(instance, nic)),
  }));
}

/** Returns the addresses under one of the prefixes in the status of a VirtualMachineInstance, even those being unplugged. */
export function vmiStatusNics(instance: unknown, prefixes: Prefixes): readonly Nic[] {
  return nicsAt(instance, VMI_STATUS_INTERFACES, 'mac', prefixes);
}

/**
 * Collects the addresses at a path. KubeVirt's schema is large and changes, so only the path to the interfaces is assumed.
 * A value of another shape on that path has no addresses.
 */
function nicsAt(object: unknown, path: readonly string[], field: string, prefixes: Prefixes): readonly Nic[] {
  return listAt(object, path).flatMap((entry): Nic[] => {
    const [nic, mac] = [member(entry, 'name'), member(entry, field)];
    const ours = typeof mac === 'string' ? ourMac(mac, prefixes) : undefined;
    // An interface that only the guest agent reports has no name, but its address is in use.
    return ours === undefined ? [] : [{ nic: typeof nic === 'string' ? nic : '', mac: ours }];
  });
}

/** Returns the addresses that an instance reports for one interface. That of a passed-through device may be missing. */
function reportedMacs(instance: unknown, nic: string): readonly MacAddress[] {
  return listAt(instance, VMI_STATUS_INTERFACES).flatMap((entry) => {
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
