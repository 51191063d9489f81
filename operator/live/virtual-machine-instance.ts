import { z } from 'zod';
import { MOST_INTERFACES_READ, type Nic } from '../../api/nic.ts';
import { vmiNics, vmiOnWire, vmiStatusNics } from '../../api/vm-nics.ts';
import { vmiMigratesAcross, vmiMigrations } from '../../api/vmi-migrations.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { getOrUndefined, listOrEmpty } from '../../kube/client/uncached-read.ts';
import { createStringInterner } from '../../kube/controller/string-interning.ts';
import { instances, machines } from './kubevirt-kinds.ts';
import { podWorkload } from './pod.ts';
import { skipsAdmission } from './skips-admission.ts';
import {
  addressesOf,
  internNetworks,
  leaseOf,
  onWireOf,
  trimWorkloadMetadata,
  type UsedAddress,
  type Workload,
  type WorkloadKind,
} from './workload.ts';

/** Every virt-launcher pod has this label. KubeVirt finds its own pods by it. */
const LAUNCHER_LABEL = 'kubevirt.io=virt-launcher';

/** Returns the VirtualMachineInstance kind. The VirtualMachine of an instance owns the addresses in the spec of the instance. */
export function virtualMachineInstanceWorkload(): WorkloadKind {
  const resource = vmiResource();
  return {
    resource,
    parent: machines,
    optional: true,
    // Another object of KubeVirt may still use them.
    endsItsUse: false,
    stillUses: async (address, client) => {
      const { namespace, name, uid } = address;
      const instance = await getOrUndefined(resource, { namespace, name }, client);
      if (instance?.metadata.uid === uid && instance.uses.includes(address.mac)) return true;
      return await launcherUses(address, instance, client);
    },
  };
}

export function vmiResource(): Resource<Workload> {
  const intern = createStringInterner();
  const schema = z
    .object({
      metadata: objectMeta,
      spec: z.unknown().optional(),
      status: z
        .object({
          phase: z.unknown().optional(),
          interfaces: z.unknown().optional(),
          migrationState: z.unknown().optional(),
        })
        .nullish(),
    })
    .transform((instance): Workload => {
      const { metadata, status } = instance;
      const phase = status?.phase;
      const finished = phase === 'Succeeded' || phase === 'Failed';
      const read = (from: (object: unknown) => readonly Nic[]) =>
        finished ? [] : internNetworks(from(instance), intern);
      const [nics, reported] = [read(vmiNics), read(vmiStatusNics)];
      const owned = addressesOf(metadata, machines, nics);
      const migrations = vmiMigrations(instance);
      return {
        metadata: trimWorkloadMetadata(metadata),
        ...owned,
        nics: [...owned.nics, ...broughtAlong(reported, nics)].slice(0, MOST_INTERFACES_READ),
        uses: [...nics, ...reported].map(({ mac }) => mac).slice(0, MOST_INTERFACES_READ),
        ...(finished && { finished }),
        ...(phase === 'Running' && { guestRuns: true, ...onWireOf(vmiOnWire(instance), intern) }),
        // Not of a machine's instance either: the machine was admitted.
        ...((owned.runsFor !== undefined || skipsAdmission(metadata)) && { skippedAdmission: true }),
        ...(migrations.length > 0 && { migrations }),
        ...(vmiMigratesAcross(instance) && { migratesAcross: true }),
        ...leaseOf(metadata),
      };
    });
  return { ...instances, schema };
}

/**
 * Returns the addresses that the guest has and that the instance was not started with: a guest that migrated into another
 * namespace or cluster keeps those of its source. They do not belong to the machine of the instance. An interface without a
 * name is reported by the guest alone, which may report anything.
 */
function broughtAlong(reported: readonly Nic[], nics: readonly Nic[]): readonly Nic[] {
  return reported.filter(({ nic, mac }) => nic !== '' && !nics.some((each) => each.mac === mac));
}

/**
 * Returns whether an unfinished virt-launcher pod still uses the address. The pods of a live instance list their addresses
 * except those on the pod network. A pod that outlived its instance may use any address of the instance.
 */
export async function launcherUses(
  { namespace, name, mac }: UsedAddress,
  instance: Workload | undefined,
  client: KubeClient,
): Promise<boolean> {
  const pods = await listOrEmpty(podWorkload().resource, client, { namespace, labelSelector: LAUNCHER_LABEL });
  return pods.some(({ finished, uses, runsFor }) => {
    if (finished === true) return false;
    return uses.includes(mac) || (runsFor?.name === name && runsFor.uid !== instance?.metadata.uid);
  });
}
