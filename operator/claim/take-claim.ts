import type { AddressRow } from '../../ledger/address/address-row.ts';
import { type ConsumerItem, takeConsumer } from '../../ledger/address/consumer.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import {
  describeAddress,
  isHeldByLease,
  isStillUsed,
  type LiveAddress,
  liveKey,
  type WorkloadAddress,
} from '../live/live-address.ts';

export type TakeClaimDeps = Pick<OperatorDeps, 'ledger' | 'actor' | 'client' | 'logger'> &
  Pick<Sources, 'claimChanged'>;

/**
 * Returns whether a workload may use the claim that holds its address: nothing uses the claim yet, this workload does, or
 * admission gave the claim to this workload. A claim that another workload uses is refused.
 */
export function mayUseClaim(address: LiveAddress, { consumer }: AddressRow): boolean {
  const { owner, alsoOn = [] } = address;
  if (consumer === undefined || consumer.key === liveKey(address)) return true;
  // The same object, on an interface that had another name when it took the claim.
  if (consumer.uid === owner.uid) return !alsoOn.includes(consumer.nic);
  if (consumer.uid !== undefined || consumer.kind !== owner.kind || consumer.nic !== owner.nic) return false;
  return consumer.name === owner.name || isHeldByLease(consumer.key, address);
}

/** Records a workload as the consumer of the claim that holds its address, and enqueues the claim. */
export async function takeClaim(
  address: WorkloadAddress,
  row: AddressRow,
  { ledger, actor, client, logger, claimChanged }: TakeClaimDeps,
): Promise<'kept' | 'contested'> {
  if (row.consumer?.key !== liveKey(address) || row.consumer.expiresAt !== undefined) {
    if (!(await isStillUsed(address, client))) return 'kept';
    const [result] = await takeConsumer(ledger, [consumerItem(address, row)], { actor });
    if (result?.outcome !== 'taken') return 'contested';
    logger.info({ ...describeAddress(address), claim: row.owner?.name }, 'claim taken by a workload');
  }
  if (row.owner !== undefined) claimChanged.fire(row.owner);
  return 'kept';
}

/** Returns the ledger item that makes a live object the consumer of the claim which holds its address. */
export function consumerItem(address: LiveAddress, row: AddressRow): ConsumerItem {
  const { kind, name, uid, nic } = address.owner;
  return { claimKey: row.key, expected: row.consumer?.key, key: liveKey(address), kind, name, uid, nic };
}
