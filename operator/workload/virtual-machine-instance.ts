import { z } from 'zod';
import { vmiNics, vmiStatusNics } from '../../api/vm-nics.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import { leaseOf, ownerOf, trimMetadata, type UsedAddress, type Workload, type WorkloadKind } from './workload.ts';
import { podWorkload } from './pod.ts';
import { listOrEmpty, getOrUndefined } from '../../kube/client/uncached-read.ts';

/** Every virt-launcher pod has this label. KubeVirt finds its own pods by it. */
const LAUNCHER_LABEL = 'kubevirt.io=virt-launcher';

/** Returns the VirtualMachineInstance kind. An instance with a VirtualMachine owns no address: its VM does. */
export function virtualMachineInstanceWorkload(prefix: MacPrefix): WorkloadKind {
  const resource = vmiResource(prefix);
  return {
    resource,
    optional: true,
    stillUses: async (address, client) => {
      const { namespace, name, uid } = address;
      const instance = await getOrUndefined(resource, { namespace, name }, client);
      if (instance?.metadata.uid === uid && instance.observed.includes(address.mac)) return true;
      return await launcherUses(address, instance, prefix, client);
    },
  };
}

export function vmiResource(prefix: MacPrefix): Resource<Workload> {
  const schema = z
    .object({
      metadata: objectMeta,
      spec: z.unknown().optional(),
      status: z.object({ phase: z.unknown().optional(), interfaces: z.unknown().optional() }).nullish(),
    })
    .transform((instance): Workload => {
      const { metadata, status } = instance;
      const finished = status?.phase === 'Succeeded' || status?.phase === 'Failed';
      const nics = finished ? [] : vmiNics(instance, prefix);
      const reported = finished ? [] : vmiStatusNics(instance, prefix);
      const owner = ownerOf(metadata, 'VirtualMachine');
      return {
        metadata: trimMetadata(metadata),
        nics: owner.runsFor === undefined ? nics : [],
        observed: [...nics, ...reported].map(({ mac }) => mac),
        ...(finished && { finished }),
        ...leaseOf(metadata),
        ...owner,
      };
    });
  return {
    group: 'kubevirt.io',
    version: 'v1',
    plural: 'virtualmachineinstances',
    kind: 'VirtualMachineInstance',
    namespaced: true,
    schema,
  };
}

/**
 * Returns whether an unfinished virt-launcher pod still uses the address. The pods of a live instance list their addresses
 * except those on the pod network. A pod that outlived its instance may use any address of the instance.
 */
export async function launcherUses(
  { namespace, name, mac }: UsedAddress,
  instance: Workload | undefined,
  prefix: MacPrefix,
  client: KubeClient,
): Promise<boolean> {
  const pods = await listOrEmpty(podWorkload(prefix).resource, client, { namespace, labelSelector: LAUNCHER_LABEL });
  return pods.some(({ finished, observed, runsFor }) => {
    if (finished === true) return false;
    return observed.includes(mac) || (runsFor?.name === name && runsFor.uid !== instance?.metadata.uid);
  });
}
