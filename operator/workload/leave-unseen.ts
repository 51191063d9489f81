import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findNeed } from '../allocation/find-need.ts';
import type { GuestDeps } from '../allocation/migrated-guest.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { WorkloadKind } from '../live/workload.ts';

/**
 * Leaves an offered address to its receiver if the machine that held it is gone, and nobody has seen it end: its mirror was deleted
 * without a release, for example in a terminating namespace while the ledger was away. As the receiver uses the address, no resync
 * would ever miss it. Returns whether the receiver may take it.
 */
export async function leaveUnseen(row: AddressRow, kind: WorkloadKind, deps: GuestDeps): Promise<boolean> {
  return (await holderUses(row, kind, deps)) === false && (await findNeed(row, deps)) === 'left';
}

/**
 * Returns whether the machine that holds an address, or what it left behind, still uses the address: by uncached reads, and by the
 * uid of the machine. Returns `undefined` for any other holder, also for a machine of another cluster.
 */
export async function holderUses(
  { owner, mac }: Pick<AddressRow, 'owner' | 'mac'>,
  kind: WorkloadKind,
  { client, clusterId }: Pick<OperatorDeps, 'client' | 'clusterId'>,
): Promise<boolean | undefined> {
  if (owner?.uid === undefined || owner.kind !== kind.resource.kind || owner.clusterId !== clusterId) return undefined;
  const { namespace, name, uid } = owner;
  return await kind.stillUses({ namespace, name, uid, mac }, client);
}
