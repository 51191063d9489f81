import { findByHolderKey } from '../../ledger/address/find.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { currentConsumer, type ClaimUse } from './consumer.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { releaseHolder } from '../allocation/release-by-key.ts';

/**
 * Gives back what a claim holds, unless something uses it: then nothing is done, and the answer says what. A reserved
 * address outlives its claim without `force`.
 */
export async function releaseClaim(
  uid: string,
  options: { readonly force: boolean; readonly reason: string },
  context: OperatorDeps,
): Promise<{ readonly outcome: string; readonly consumer?: ClaimUse }> {
  const key = claimKey({ clusterId: context.clusterId, uid });
  const row = await findByHolderKey(context.ledger, key);
  if (row === undefined) return { outcome: 'nothing_held' };
  const consumer = await currentConsumer(row, context);
  if (consumer.inUse) return { outcome: 'has_consumer', consumer };
  return { outcome: await releaseHolder(key, options, context) };
}
