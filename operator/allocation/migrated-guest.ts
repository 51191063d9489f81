import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { isOfferedTo } from '../../ledger/address/handover.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { instances, machines } from '../live/kubevirt-kinds.ts';
import type { Workload } from '../live/workload.ts';

export type GuestDeps = Pick<OperatorDeps, 'ledger' | 'client' | 'clusterId'> & Pick<Sources, 'workloads'>;

/** Returns whether a running instance shows the address, wherever it is. */
export async function isUsedByGuest(row: Used, deps: GuestDeps): Promise<boolean> {
  return (await findGuest(row, deps)) !== undefined;
}

/**
 * Returns where running instances show the address: only at the machine to which it is offered, or elsewhere too. A guest that migrates into another namespace or
 * cluster keeps its addresses, and their owner is deleted at the end of the migration. So an address whose owner is gone may
 * still be in use there. A pod does not migrate, and a guest that migrates names its migration: what else shows the address of
 * an object that is gone is only observed.
 *
 * The instances of this cluster come from the cache, and each is read again without it. Those of other clusters come from
 * the ledger, where their operator records what they show.
 */
export async function findGuest(row: Used, deps: GuestDeps): Promise<'at-receiver' | 'elsewhere' | undefined> {
  if (deps.workloads.get(row.owner?.kind ?? '')?.kind.endsItsUse === true) return undefined;
  const users = [...(await usersInThisCluster(row, deps)), ...(await usersInOtherClusters(row, deps))];
  if (users.length === 0) return undefined;
  return users.every((user) => isOfferedTo(row, user)) ? 'at-receiver' : 'elsewhere';
}

type Used = Pick<AddressRow, 'mac' | 'observed' | 'owner' | 'handover'>;

/** An instance, which has the name of its machine. */
type User = Pick<Owner, 'clusterId' | 'namespace' | 'name'>;

async function usersInThisCluster(
  { mac, owner }: Used,
  { client, clusterId, workloads }: Pick<GuestDeps, 'client' | 'clusterId' | 'workloads'>,
): Promise<readonly User[]> {
  const known = workloads.get(instances.kind);
  const users: User[] = [];
  for (const { metadata } of known?.cache.by('address', mac) ?? []) {
    const live = known && (await getOrUndefined(known.kind.resource, metadata, client));
    if (live?.metadata.uid !== metadata.uid || !live.uses.includes(mac) || !isGuestOf(live, owner)) continue;
    users.push({ clusterId, namespace: metadata.namespace ?? '', name: metadata.name });
  }
  return users;
}

async function usersInOtherClusters(
  { mac, observed, owner }: Used,
  { ledger, clusterId }: Pick<GuestDeps, 'ledger' | 'clusterId'>,
): Promise<readonly User[]> {
  if (!observed) return [];
  const observations = await observationsOfMac(ledger, mac);
  return observations
    .filter(({ object, migrates }) => object.kind === instances.kind && (migrates || !isOfMachine(owner)))
    .map(({ object }) => object)
    .filter((object) => object.clusterId !== clusterId);
}

/** An instance has the name of its machine. The owner of a claim's address says nothing about the guest that uses it. */
function isGuestOf({ metadata, migrations }: Workload, owner: Owner | undefined): boolean {
  if (!isOfMachine(owner)) return true;
  return migrations !== undefined || (metadata.namespace === owner.namespace && metadata.name === owner.name);
}

function isOfMachine(owner: Owner | undefined): owner is Owner {
  return owner?.kind === instances.kind || owner?.kind === machines.kind;
}
