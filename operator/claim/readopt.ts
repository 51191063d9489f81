import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import { findByMac } from '../../ledger/address/find.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { BLOCKED_RETRY_MS } from './consumer.ts';
import { EXPIRED, finishExpired } from './expire.ts';
import { adoptItemOf, ttlSecondsOf } from './ledger-items.ts';
import type { PublishStatusDeps } from './publish-status.ts';

export type ReadoptClaimDeps = PublishStatusDeps & Pick<OperatorDeps, 'ledger' | 'actor' | 'logger'>;

/**
 * Records the address of a claim again after the ledger has lost it. There are three causes: the claim expired and the
 * operator crashed before it wrote that; the ledger was restored; or somebody released the address by force. In the last
 * two the claim still exists, so it takes its address back.
 */
export async function readoptClaim(claim: MacAllocation, deps: ReadoptClaimDeps): Promise<ReconcileResult> {
  const { ledger, actor, client, logger } = deps;
  const item = adoptItemOf(claim, 'its claim is still there', deps);
  if (item === undefined) return undefined;
  const row = await findByMac(ledger, item.mac);
  const hasExpired = row?.key === item.key && row.reason === EXPIRED;
  if (hasExpired && ttlSecondsOf(claim) !== undefined) {
    await finishExpired(claim, deps);
    return undefined;
  }
  // The cached claim may have been deleted meanwhile.
  const { namespace, name, uid } = claim.metadata;
  const live = await getOrUndefined(macAllocations, { namespace, name }, client);
  if (live?.metadata.uid !== uid || live.metadata.deletionTimestamp !== undefined) return undefined;
  const [result] = await adopt(ledger, [item], actor);
  const outcome = result?.outcome;
  logger.warn({ claim: keyOf(claim), mac: item.mac, outcome }, 'the ledger did not have the address of a claim');
  // An address that another owner holds is reported as a conflict by the resync.
  return { requeueAfterMs: outcome === 'adopted' || outcome === 'held' ? 0 : BLOCKED_RETRY_MS };
}
