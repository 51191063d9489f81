import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { adopt, type AdoptItem } from '../../ledger/address/adopt.ts';
import { findByMac } from '../../ledger/address/find.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { type StickyAddress, stickyAddressOf } from './claim.ts';

/**
 * Returns whether the ledger has lost the address of a sticky claim, so that the claim proves the grant: its row is older than the
 * claim. A row of the same generation that was released, or a newer one, means that the ledger ended it later. A backup of the
 * cluster may bring such a claim back.
 */
export function isLost(
  { spec }: Pick<MacAllocation, 'spec'>,
  { key, owner }: Pick<StickyAddress, 'key' | 'owner'>,
  row: Pick<AddressRow, 'generation' | 'key' | 'origin'> | undefined,
): boolean {
  // The objects of another cluster may have been copied here. It still has its addresses.
  if (spec.ledger?.clusterId !== owner.clusterId) return false;
  if (row === undefined || row.origin === 'replication-gap') return true;
  const { generation } = spec.ledger;
  return row.generation < generation || (row.generation === generation && row.key !== key);
}

/** Returns the item that records the address of a sticky claim again. */
export function stickyAdoptItem({ mac, key, owner }: StickyAddress, { actor }: Pick<OperatorDeps, 'actor'>): AdoptItem {
  return { mac, key, owner, requester: actor, reason: 'its sticky claim is still there' };
}

/**
 * Records the address of a sticky claim again, if the ledger has lost it. Returns whether the ledger has it for this name now. Another
 * owner keeps it: the ledger decides.
 */
export async function readoptSticky(
  claim: MacAllocation,
  deps: Pick<OperatorDeps, 'ledger' | 'kinds' | 'clusterId' | 'actor' | 'logger'>,
): Promise<boolean> {
  const { ledger, actor, logger } = deps;
  const address = stickyAddressOf(claim, deps);
  if (address === undefined) return false;
  if (!isLost(claim, address, await findByMac(ledger, address.mac))) return false;
  const [result] = await adopt(ledger, [stickyAdoptItem(address, deps)], actor);
  const outcome = result?.outcome;
  logger.warn(
    { claim: keyOf(claim), mac: address.mac, outcome },
    'the ledger did not have the address of a sticky claim',
  );
  return outcome === 'adopted' || outcome === 'held';
}
