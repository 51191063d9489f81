import type { AddressRow } from '../../ledger/address/address-row.ts';
import { isOfferedTo } from '../../ledger/address/handover.ts';
import { deleteAllocation } from '../allocation/delete-allocation.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { describeAddress, type WorkloadAddress } from '../live/live-address.ts';
import { provesGrant } from '../observation/mirror-proof.ts';
import { holderUses } from './leave-unseen.ts';

export type EndUnearnedDeps = Pick<OperatorDeps, 'client' | 'clusterId' | 'logger'> & Pick<Sources, 'allocations'>;

/**
 * Deletes the mirror of a receiver that has not received the address. The mirror is stored before the ledger changes the owner. If
 * the operator died in between, and the owner uses the address again, the mirror proves a right that the machine does not have.
 *
 * Its generation is then higher than that of the ledger. That alone proves nothing: the ledger may have lost the change in a failover.
 * So the address must still be offered, or its owner must still use it.
 */
export async function endUnearnedMirror(
  address: WorkloadAddress,
  row: AddressRow,
  deps: EndUnearnedDeps,
): Promise<void> {
  const mirror = deps.allocations
    .by('consumer', address.owner.uid)
    .find((each) => provesGrant(each, address) && (each.spec.ledger?.generation ?? 0) > row.generation);
  if (mirror === undefined) return;
  const isOffered = isOfferedTo(row, address.owner);
  if (!isOffered && (await holderUses(row, address.kind, deps)) !== true) return;
  await deleteAllocation(mirror.metadata, deps.client);
  deps.logger.info(describeAddress(address), 'mirror of an address deleted, which its machine has not received');
}
