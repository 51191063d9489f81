import type { MacPrefix } from '../mac/mac-range.ts';
import { ourMac, type Nic } from './nic.ts';

/** Where KubeVirt keeps the interfaces of a VirtualMachine and of a VirtualMachineInstance. */
const VM_INTERFACES = ['spec', 'template', 'spec', 'domain', 'devices', 'interfaces'];
const VMI_INTERFACES = ['spec', 'domain', 'devices', 'interfaces'];
/** What KubeVirt reports of a running one; the address there is called `mac`. */
const VMI_STATUS_INTERFACES = ['status', 'interfaces'];

/** The addresses of ours in the template of a VirtualMachine. An interface is known by its name. */
export function vmNics(virtualMachine: unknown, prefix: MacPrefix): readonly Nic[] {
  return nicsAt(virtualMachine, VM_INTERFACES, 'macAddress', prefix);
}

/** The addresses of ours in the spec of a VirtualMachineInstance. */
export function vmiNics(instance: unknown, prefix: MacPrefix): readonly Nic[] {
  return nicsAt(instance, VMI_INTERFACES, 'macAddress', prefix);
}

/** The addresses of ours that a VirtualMachineInstance is reported to use, also while they are being unplugged. */
export function vmiStatusNics(instance: unknown, prefix: MacPrefix): readonly Nic[] {
  return nicsAt(instance, VMI_STATUS_INTERFACES, 'mac', prefix);
}

/**
 * KubeVirt's own schema is large and changes; here nothing of it is assumed but the way to the interfaces. Whatever lies
 * on that way in another shape carries no address.
 */
function nicsAt(object: unknown, path: readonly string[], field: string, prefix: MacPrefix): readonly Nic[] {
  let value = object;
  for (const step of path) value = member(value, step);
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown): Nic[] => {
    const [nic, mac] = [member(entry, 'name'), member(entry, field)];
    const ours = typeof mac === 'string' ? ourMac(mac, prefix) : undefined;
    // Of one that only the guest's agent knows there is no name, but its address is in use all the same.
    return ours === undefined ? [] : [{ nic: typeof nic === 'string' ? nic : '', mac: ours }];
  });
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
