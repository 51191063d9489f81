import { z } from 'zod';
import { vmNics } from '../../api/vm-nics.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import { leaseOf, trimMetadata, type Workload, type WorkloadKind } from './workload.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { launcherUses, vmiResource } from './virtual-machine-instance.ts';

/**
 * Returns the VirtualMachine kind. A machine owns its addresses whether it runs or not. An address is released only when it
 * is absent from the machine, from its instance (spec and status), and from every unfinished virt-launcher pod. So a stop,
 * a live migration, and a deletion that orphans the instance all keep the address.
 */
export function virtualMachineWorkload(prefix: MacPrefix): WorkloadKind {
  const instances = vmiResource(prefix);
  const schema = z.object({ metadata: objectMeta, spec: z.unknown().optional() }).transform((machine): Workload => {
    const nics = vmNics(machine, prefix);
    const { metadata } = machine;
    return { metadata: trimMetadata(metadata), nics, observed: nics.map(({ mac }) => mac), ...leaseOf(metadata) };
  });
  const resource = {
    group: 'kubevirt.io',
    version: 'v1',
    plural: 'virtualmachines',
    kind: 'VirtualMachine',
    namespaced: true,
    schema,
  };
  return {
    resource,
    optional: true,
    stillUses: async (address, client) => {
      const { namespace, name, uid, mac } = address;
      const machine = await getOrUndefined(resource, { namespace, name }, client);
      if (machine?.metadata.uid === uid && machine.observed.includes(mac)) return true;
      // An instance has the name of its machine, so it may belong to a later machine of that name.
      const instance = await getOrUndefined(instances, { namespace, name }, client);
      const belongsToOther = instance?.runsFor !== undefined && instance.runsFor.uid !== uid;
      if (instance?.observed.includes(mac) === true && !belongsToOther) return true;
      return await launcherUses(address, instance, prefix, client);
    },
  };
}
