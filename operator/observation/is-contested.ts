import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { isOfferedTo } from '../../ledger/address/handover.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { instances } from '../live/kubevirt-kinds.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { isSameGuest, nameOneMigration } from './same-guest.ts';

export type ContestedDeps = Pick<OperatorDeps, 'client'> & Pick<Sources, 'workloads'>;

/** Returns whether an object that uses the address of another owner may use it at the same time as that one. */
export async function isContested(address: WorkloadAddress, row: AddressRow, deps: ContestedDeps): Promise<boolean> {
  if (isOfferedTo(row, address.owner)) return await runsBesideSource(address, row, deps);
  return !(await isSameGuest(address, row, deps.client));
}

/**
 * Returns whether a machine that waits for the guest of another one runs a guest of its own beside it. KubeVirt creates the instance
 * of such a machine at once, so only a running one counts. A guest that arrived names its migration, also afterwards.
 *
 * The guest of a source in another cluster cannot be seen. It may run as long as that cluster has not reported its end.
 */
async function runsBesideSource(
  { mac, owner }: WorkloadAddress,
  { owner: source, handover }: AddressRow,
  { client, workloads }: ContestedDeps,
): Promise<boolean> {
  const resource = workloads.get(instances.kind)?.kind.resource;
  if (resource === undefined || source === undefined) return false;
  // An instance has the name of its machine.
  const own = await getOrUndefined(resource, owner, client);
  if (own?.guestRuns !== true || !own.uses.includes(mac)) return false;
  if (source.clusterId !== owner.clusterId) return own.migrations === undefined && handover?.ended !== true;
  const other = await getOrUndefined(resource, { namespace: source.namespace, name: source.name }, client);
  return other?.uses.includes(mac) === true && !nameOneMigration(own, other);
}
