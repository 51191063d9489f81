import { findByHolderKey } from '../../ledger/address/find.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { release } from '../../ledger/address/release.ts';
import type { OperatorDeps } from '../dependencies.ts';

export type ReleaseByKeyDeps = Pick<OperatorDeps, 'ledger' | 'actor' | 'metrics'>;

/**
 * Releases the address of a holder key, and returns the outcome for the log. The release compares the generation that was
 * read: between the two statements the address may get another owner, who then keeps it (promise I3). Without `force`, a
 * reserved address stays reserved for the next claim that requests it.
 */
export async function releaseByKey(
  key: string,
  { force, reason }: { readonly force: boolean; readonly reason: string },
  { ledger, actor, metrics }: ReleaseByKeyDeps,
): Promise<string> {
  const row = await findByHolderKey(ledger, key);
  if (row === undefined) return 'nothing_held';
  const [result] = await release(ledger, [row], { force, actor, reason });
  if (result?.outcome === 'released') metrics.released(reason);
  if (result?.outcome !== 'needs_force') return result?.outcome ?? 'unknown';
  const [kept] = await keepReserved(ledger, [row], { actor, reason });
  return kept?.outcome ?? 'unknown';
}
