import type { KubeClient } from '../../kube/client/client.ts';
import { isObjectName } from '../../kube/client/object-name.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { instances, machines } from '../live/kubevirt-kinds.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import type { Workload } from '../live/workload.ts';

/**
 * Returns whether an instance and the machine that holds its address are one guest, so there is no conflict. During a
 * migration, the instances of both sides name it; an author could make up the status of one of them. After the migration,
 * the machine is gone, and only the instance uses the address.
 */
export async function isSameGuest(
  { mac, owner, kind }: WorkloadAddress,
  { owner: holder }: Pick<AddressRow, 'owner'>,
  client: KubeClient,
): Promise<boolean> {
  if (owner.kind !== instances.kind || holder?.kind !== machines.kind || holder.clusterId !== owner.clusterId)
    return false;
  // An instance has the name of its machine.
  const { namespace, name } = holder;
  // A machine that is being created may have no name yet, and so no instance.
  if (!isObjectName(name)) return false;
  const own = await getOrUndefined(kind.resource, owner, client);
  const other = await getOrUndefined(kind.resource, { namespace, name }, client);
  if (nameOneMigration(own, other)) return true;
  if (other?.uses.includes(mac) === true) return false;
  return (await getOrUndefined(machines, { namespace, name }, client)) === undefined;
}

/** Returns whether two instances take part in one migration. */
export function nameOneMigration(
  one: Pick<Workload, 'migrations'> | undefined,
  other: Pick<Workload, 'migrations'> | undefined,
): boolean {
  return other?.migrations?.some((uid) => one?.migrations?.includes(uid)) === true;
}
