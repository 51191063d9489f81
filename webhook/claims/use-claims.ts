import type { Consumer } from '../../ledger/address/address-row.ts';
import { type ConsumerItem, takeConsumer } from '../../ledger/address/consumer.ts';
import { findByMac } from '../../ledger/address/find.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { refuseByError, refuseClaim } from '../refuse/refuse-allocation.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import { type AdmittedObject, holderKeyOf } from '../review/admitted-object.ts';
import { timeLeft, within } from '../review/deadline.ts';
import type { UsableClaim } from './find-claim.ts';

export interface UseClaimsDeps {
  readonly ledger: Queryable;
  readonly clusterId: string;
  /** How long a claim waits for the object that takes it to be stored. */
  readonly claimLeaseSeconds: number;
  /** Whether a review certainly comes from the API server. Nobody else gets the names of objects. */
  readonly knowsCallers: boolean;
  /** Returns the ticket of this cluster. */
  readonly ticket: () => string | undefined;
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
): Promise<AdmissionRefusal | undefined> {
  if (uses.length === 0) return undefined;
  const items = uses.map((use) => consumerItem(use, object, deps));
  try {
    const taking = takeConsumer(deps.ledger, items, {
      leaseSeconds: deps.claimLeaseSeconds,
      actor: 'rock-mac-webhook',
    });
    const outcomes = await within(timeLeft(deadline), taking);
    for (const [index, { claim }] of uses.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined || outcome.outcome === 'taken') continue;
      if (outcome.outcome !== 'in_use') return refuseClaim(outcome, claim);
      const consumer = await within(timeLeft(deadline), consumerOf(claim, deps));
      if (isSame(consumer, object)) continue;
      return refuseClaim(outcome, claim, deps.knowsCallers ? nameOf(consumer) : undefined);
    }
    return undefined;
  } catch (error) {
    if (error instanceof LedgerError) return refuseByError(error);
    throw error;
  }
}

async function consumerOf({ mac }: UsableClaim, { ledger }: UseClaimsDeps): Promise<Consumer | undefined> {
  return (await findByMac(ledger, mac))?.consumer;
}

/** A stored object may rename an interface, or exchange the claims of two interfaces. */
function isSame(consumer: Consumer | undefined, { uid }: AdmittedObject): boolean {
  return uid !== undefined && consumer?.uid === uid;
}

/** The name is empty while the API server has not yet generated it. */
function nameOf(consumer: Consumer | undefined): string | undefined {
  return consumer === undefined || consumer.name === '' ? undefined : `${consumer.kind} ${consumer.name}`;
}

function consumerItem({ nic, claim }: ClaimUse, object: AdmittedObject, deps: UseClaimsDeps): ConsumerItem {
  const { kind, name } = object;
  const key = holderKeyOf(object, { nic, pool: claim.pool, requested: claim.mac }, deps.clusterId);
  return { claimKey: claim.key, key, kind, name, nic, ticket: deps.ticket() };
}
