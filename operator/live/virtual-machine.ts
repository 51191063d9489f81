import { z } from 'zod';
import { ANNOTATIONS } from '../../api/names.ts';
import { receiverTarget } from '../../api/transfer-target.ts';
import { vmNics } from '../../api/vm-nics.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { createStringInterner } from '../../kube/controller/string-interning.ts';
import { machines } from './kubevirt-kinds.ts';
import { replicaOf } from './replica.ts';
import { skipsAdmission } from './skips-admission.ts';
import { launcherUses, vmiResource } from './virtual-machine-instance.ts';
import { internNetworks, leaseOf, trimWorkloadMetadata, type Workload, type WorkloadKind } from './workload.ts';

/**
 * Returns the VirtualMachine kind. A machine owns its addresses whether it runs or not. An address is released only when it
 * is absent from the machine, from its instance (spec and status), and from every unfinished virt-launcher pod. So a stop,
 * a live migration, and a deletion that orphans the instance all keep the address.
 *
 * The instance is found by its name, whoever owns it now: KubeVirt gives a running instance to the next machine of that
 * name, and the guest keeps the addresses that it was started with.
 */
export function virtualMachineWorkload(): WorkloadKind {
  const instances = vmiResource();
  const intern = createStringInterner();
  const schema = z.object({ metadata: objectMeta, spec: z.unknown().optional() }).transform((machine): Workload => {
    const nics = internNetworks(vmNics(machine), intern);
    const { metadata } = machine;
    const namedPool = metadata.annotations?.[ANNOTATIONS.pool];
    const offersTo = receiverTarget(metadata.annotations);
    return {
      metadata: trimWorkloadMetadata(metadata),
      nics,
      uses: nics.map(({ mac }) => mac),
      ...(skipsAdmission(metadata) && { skippedAdmission: true }),
      ...(namedPool !== undefined && { namedPool: intern(namedPool) }),
      ...(offersTo !== undefined && { offersTo }),
      ...leaseOf(metadata),
      ...replicaOf(metadata, intern),
    };
  });
  const resource = { ...machines, schema };
  return {
    resource,
    optional: true,
    // Another object of KubeVirt may still use them.
    endsItsUse: false,
    stillUses: async (address, client) => {
      const { namespace, name, uid, mac } = address;
      const machine = await getOrUndefined(resource, { namespace, name }, client);
      if (machine?.metadata.uid === uid && machine.uses.includes(mac)) return true;
      const instance = await getOrUndefined(instances, { namespace, name }, client);
      if (instance?.uses.includes(mac) === true) return true;
      return await launcherUses(address, instance, client);
    },
  };
}
