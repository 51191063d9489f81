import { takeConsumer, type ConsumerItem } from '../../ledger/address/consumer.ts';
import { findByMac } from '../../ledger/address/find.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { holderKeyOf, type AdmittedObject } from '../admit/admitted-object.ts';
import { refuseByError } from '../refuse/refuse-allocation.ts';
import { refuseClaim } from '../refuse/refuse-claim-in-use.ts';
import type { Refusal } from '../server/admission-review.ts';
import { timeLeft, within } from '../server/deadline.ts';
import type { UsableClaim } from './find-claim.ts';

export interface UseClaimsDeps {
  readonly ledger: Queryable;
  readonly clusterId: string;
  readonly leaseSeconds: number;
}

/** A claim, and the interface that is to use its address. */
export interface ClaimUse {
  readonly nic: string;
  readonly claim: UsableClaim;
}

/**
 * Makes the object the consumer of its claims. Returns a refusal if one of them cannot be used. Of two objects that name
 * one claim at the same time, the ledger refuses the second.
 */
export async function useClaims(
  uses: readonly ClaimUse[],
  object: AdmittedObject,
  deps: UseClaimsDeps,
  deadline: number,
): Promise<Refusal | undefined> {
  if (uses.length === 0) return undefined;
  const items = uses.map((use) => consumerItem(use, object, deps.clusterId));
  try {
    const taking = takeConsumer(deps.ledger, items, { leaseSeconds: deps.leaseSeconds, actor: 'rock-mac-webhook' });
    const outcomes = await within(timeLeft(deadline), taking);
    for (const [index, { claim }] of uses.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined || outcome.outcome === 'taken') continue;
      if (outcome.outcome === 'in_use' && (await within(timeLeft(deadline), isUsedBy(object, claim, deps)))) continue;
      return refuseClaim(outcome, claim.name);
    }
    return undefined;
  } catch (error) {
    if (error instanceof LedgerError) return refuseByError(error);
    throw error;
  }
}

/** A stored object may rename an interface, or exchange the claims of two interfaces. */
async function isUsedBy({ uid }: AdmittedObject, { mac }: UsableClaim, { ledger }: UseClaimsDeps): Promise<boolean> {
  return uid !== undefined && (await findByMac(ledger, mac))?.consumer?.uid === uid;
}

function consumerItem({ nic, claim }: ClaimUse, object: AdmittedObject, clusterId: string): ConsumerItem {
  const { kind, name } = object;
  const key = holderKeyOf(object, { nic, pool: claim.pool, requested: claim.mac }, clusterId);
  return { claimKey: claim.key, key, kind, name, nic };
}
