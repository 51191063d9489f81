import { expiredClaims } from '../../ledger/address/expired-claims.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { OperatorDeps } from '../dependencies.ts';

/** Claims looked at in one round. What is over this is looked at in the next. */
const AT_ONCE = 1_000;

/**
 * Has every claim looked at whose time is over by the ledger's clock. The claim's own reconcile decides: it may have been
 * renewed meanwhile, or be in use.
 */
export async function wakeExpiredClaims(
  wakeClaim: (claim: Owner) => void,
  { ledger, clusterId }: Pick<OperatorDeps, 'ledger' | 'clusterId'>,
): Promise<void> {
  for (const { owner } of await expiredClaims(ledger, clusterId, AT_ONCE)) if (owner !== undefined) wakeClaim(owner);
}
