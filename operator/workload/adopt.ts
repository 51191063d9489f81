import { adopt } from '../../ledger/address/adopt.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { mirrorAndBind, type BindDeps } from './bind.ts';
import { describeAddress, isStillUsed, liveKey, type WorkloadAddress } from './live-address.ts';

/** Records an address that did not come from us: from a manifest, or from an object older than the installation. */
export async function adoptAddress(address: WorkloadAddress, deps: BindDeps): Promise<'kept' | 'contested'> {
  const { ledger, actor, client, logger } = deps;
  const { mac, owner } = address;
  if (!(await isStillUsed(address, client))) return 'kept';
  const item = { mac, key: liveKey(address), owner, requester: actor, reason: 'seen on a live object' };
  const [result] = await adopt(ledger, [item], actor);
  const row = await findByMac(ledger, mac);
  if (result?.outcome === 'adopted' || result?.outcome === 'held') {
    logger.info({ ...describeAddress(address) }, 'address adopted');
    if (row !== undefined) await mirrorAndBind(address, row, deps);
    return 'kept';
  }
  logger.info({ ...describeAddress(address), outcome: result?.outcome }, 'address on a live object cannot be adopted');
  // On a conflict, another owner took it between the two statements, and the next reconcile sees which one. An address in
  // no pool needs no owner.
  return result?.outcome === 'conflict' ? 'contested' : 'kept';
}
