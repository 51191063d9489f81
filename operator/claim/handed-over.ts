import { handsOverTo } from '../../api/transfer-target.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac } from '../../ledger/address/find.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { statusMac } from './ledger-items.ts';

/**
 * Returns whether another claim took the address over that this claim has in its status. The ledger says so; the annotation
 * remembers it where the other claim has recorded its address again, after a recovery.
 */
export function isHandedOver({ metadata }: MacAllocation, row: AddressRow): boolean {
  const { owner, origin } = row;
  if (owner?.kind !== macAllocations.kind || owner.uid === metadata.uid) return false;
  return origin === 'transfer' || handsOverTo(metadata.annotations, owner);
}

/**
 * Deletes a claim that handed its address over, and returns whether it did. Its finalizer releases nothing, because the claim
 * holds nothing any more.
 */
export async function endIfHandedOver(
  claim: MacAllocation,
  { ledger, client, logger }: Pick<OperatorDeps, 'ledger' | 'client' | 'logger'>,
): Promise<boolean> {
  const mac = statusMac(claim);
  const row = mac && (await findByMac(ledger, mac));
  if (row === undefined || !isHandedOver(claim, row)) return false;
  const { namespace, name, uid } = claim.metadata;
  await client.delete(macAllocations, { namespace, name }, { uid });
  logger.info({ claim: keyOf(claim), mac }, 'deleted a claim whose address was handed over');
  return true;
}
