import { findByHolderKey } from '../../ledger/address/find.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { release } from '../../ledger/address/release.ts';
import type { OperatorDeps } from '../dependencies.ts';

/**
 * Releases what a holder key holds, compared with the generation that it was read with: between the two statements the
 * address may get another owner, which then keeps it (promise I3). A reserved address stays reserved without `force`,
 * for the next claim that asks for it. Answers the outcome, for the log.
 */
export async function releaseHolder(
  key: string,
  { force, reason }: { readonly force: boolean; readonly reason: string },
  { ledger, actor, metrics }: Pick<OperatorDeps, 'ledger' | 'actor' | 'metrics'>,
): Promise<string> {
  const row = await findByHolderKey(ledger, key);
  if (row === undefined) return 'nothing_held';
  const [answer] = await release(ledger, [row], { force, actor, reason });
  if (answer?.outcome === 'released') metrics.released(reason);
  if (answer?.outcome !== 'needs_force') return answer?.outcome ?? 'unknown';
  const [kept] = await keepReserved(ledger, [row], { actor, reason });
  return kept?.outcome ?? 'unknown';
}
