import { adopt } from '../../ledger/address/adopt.ts';
import { findByMac } from '../../ledger/address/find.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { describeAddress, isStillUsed, liveKey, type WorkloadAddress } from '../live/live-address.ts';
import type { GrantReason } from '../observation/grant.ts';
import { type BindDeps, mirrorAndBind } from './bind.ts';

/** Gives an address to the object that uses it, for a reason that proves its right to it. */
export async function adoptAddress(
  address: WorkloadAddress,
  reason: GrantReason,
  deps: BindDeps & Pick<OperatorDeps, 'ledger' | 'actor'>,
): Promise<'kept' | 'contested'> {
  const { ledger, actor, client, logger } = deps;
  const { mac, owner } = address;
  if (!(await isStillUsed(address, client))) return 'kept';
  const [result] = await adopt(ledger, [{ mac, key: liveKey(address), owner, requester: actor, reason }], actor);
  const row = await findByMac(ledger, mac);
  if (result?.outcome === 'adopted' || result?.outcome === 'held') {
    logger.info({ ...describeAddress(address), reason }, 'address adopted');
    if (row !== undefined) await mirrorAndBind(address, row, deps);
    return 'kept';
  }
  logger.info({ ...describeAddress(address), outcome: result?.outcome }, 'address on a live object cannot be adopted');
  // On a conflict, another owner took it between the two statements, and the next reconcile sees which one.
  return result?.outcome === 'conflict' ? 'contested' : 'kept';
}
