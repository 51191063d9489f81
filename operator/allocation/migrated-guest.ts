import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { instances, machines } from '../live/kubevirt-kinds.ts';
import type { Workload } from '../live/workload.ts';

export type GuestDeps = Pick<OperatorDeps, 'ledger' | 'client' | 'clusterId'> & Pick<Sources, 'workloads'>;

/**
 * Returns whether a running instance shows the address, wherever it is. A guest that migrates into another namespace or
 * cluster keeps its addresses, and their owner is deleted at the end of the migration. So an address whose owner is gone may
 * still be in use there. A pod does not migrate, and a guest that migrates names its migration: what else shows the address of
 * an object that is gone is only observed.
 *
 * The instances of this cluster come from the cache, and each is read again without it. Those of other clusters come from
 * the ledger, where their operator records what they show.
 */
export async function isUsedByGuest(row: Used, deps: GuestDeps): Promise<boolean> {
  const { mac, observed, owner } = row;
  if (deps.workloads.get(owner?.kind ?? '')?.kind.endsItsUse === true) return false;
  if (await isUsedInThisCluster(row, deps)) return true;
  if (!observed) return false;
  const observations = await observationsOfMac(deps.ledger, mac);
  return observations.some(({ object }) => object.kind === instances.kind && object.clusterId !== deps.clusterId);
}

type Used = Pick<AddressRow, 'mac' | 'observed' | 'owner'>;

async function isUsedInThisCluster(
  { mac, owner }: Used,
  { client, workloads }: Pick<GuestDeps, 'client' | 'workloads'>,
): Promise<boolean> {
  const known = workloads.get(instances.kind);
  for (const { metadata } of known?.cache.by('address', mac) ?? []) {
    const live = known && (await getOrUndefined(known.kind.resource, metadata, client));
    if (live?.metadata.uid === metadata.uid && live.uses.includes(mac) && isGuestOf(live, owner)) return true;
  }
  return false;
}

/** An instance has the name of its machine. The owner of a claim's address says nothing about the guest that uses it. */
function isGuestOf({ metadata, migrations }: Workload, owner: Owner | undefined): boolean {
  if (owner?.kind !== instances.kind && owner?.kind !== machines.kind) return true;
  return migrations !== undefined || (metadata.namespace === owner.namespace && metadata.name === owner.name);
}
