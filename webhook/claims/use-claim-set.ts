import {
  type ClaimSetOutcome,
  takeUnusedClaims,
  usersOfClaims,
  type WantedClaim,
} from '../../ledger/address/claim-set.ts';
import { claimKey, leaseKey, selectionKey } from '../../ledger/address/holder-key.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { ADMISSION_OUTCOMES, ALLOCATION_OUTCOMES } from '../../ledger/outcomes.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import type { AddressRequest } from '../plan/plan.ts';
import { refuseByError } from '../refuse/refuse-allocation.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { timeLeft, within } from '../review/deadline.ts';
import { refusalOf, unavailable } from '../review/refusal.ts';
import type { ClaimSelection, ListClaims } from './list-claims.ts';
import type { WaitWhileServed } from './wait-while-served.ts';

export interface UseClaimSetDeps {
  readonly ledger: Queryable;
  readonly clusterId: string;
  readonly claimLeaseSeconds: number;
  /** Whether a review certainly comes from the API server. Nobody else gets the names of objects. */
  readonly knowsCallers: boolean;
  /** Returns the ticket of this cluster. */
  readonly ticket: () => string | undefined;
  readonly listClaims: ListClaims;
  readonly waitWhileServed: WaitWhileServed;
  readonly clock: Clock;
}

export type ClaimSetResult =
  | { readonly ok: true; readonly macs: readonly MacAddress[]; readonly warnings: readonly [] }
  | { readonly ok: false; readonly refusal: AdmissionRefusal };

/** How old a list of claims may be from which one is taken. A refusal is only made by a list of after the request. */
const RECENT_MS = 1_000;

/** How long to wait if all unused claims are locked: other workloads are taking them, which takes milliseconds. */
const BUSY_MS = 15;

/**
 * How long ago a claim was created that may be served at this moment. Older ones without an address cannot get one, or wait for the
 * operator. The clock of the API server may differ by some of it.
 */
const NEW_MS = 10_000;

/** How many users of claims a refusal names. */
const NAMED_USERS = 5;

/**
 * Gives the object the address of an unused claim for each of its requests, in their order. On refusal it uses none of them. The claims
 * have the labels that the object selects; the ledger decides which of them are unused. A repeated admission gets the same ones. If
 * none is unused, it waits for those that are being served.
 */
export async function useClaimSet(
  { requests, selector }: { readonly requests: readonly AddressRequest[]; readonly selector: string },
  object: AdmittedObject,
  deps: UseClaimSetDeps,
  deadline: number,
): Promise<ClaimSetResult> {
  const { listClaims, waitWhileServed, clock, clusterId } = deps;
  const selection = { namespace: object.namespace, selector };
  const wanted = requests.map((request) => wantedClaim(request, selector, object, clusterId));
  const asked = clock.now();
  try {
    for (const notBefore of [asked - RECENT_MS, asked]) {
      const listed = await listClaims(selection, notBefore);
      if (!listed.ok) return listed;
      const claimKeys = listed.uids.map((uid) => claimKey({ clusterId, uid }));
      const take = () => takeWhenFree(wanted, claimKeys, deps, deadline);
      const first = await take();
      if (first.outcome === 'none_unused' && listed.readAt < asked) continue;
      const isNew = clock.date().getTime() - listed.newest < NEW_MS;
      const isBeingServed = (each: ClaimSetOutcome) =>
        isNew && each.outcome === 'none_unused' && each.held < claimKeys.length;
      const outcome = await waitWhileServed({ first, again: take, isBeingServed, deadline });
      if (outcome.outcome === 'taken') return { ok: true, macs: outcome.macs, warnings: [] };
      return { ok: false, refusal: await explain(outcome, { selection, claimKeys, wanted }, deps, deadline) };
    }
    throw new Error('a list of claims was older than requested');
  } catch (error) {
    if (error instanceof LedgerError) return { ok: false, refusal: refuseByError(error) };
    throw error;
  }
}

/** The key names the selector too: another object of this name may select other claims. */
function wantedClaim(
  { nic, requested }: AddressRequest,
  selector: string,
  { kind, namespace, name, leaseId }: AdmittedObject,
  clusterId: string,
): WantedClaim {
  const key =
    leaseId === undefined
      ? selectionKey({ clusterId, kind, namespace, name, nic, selector, requested })
      : leaseKey(leaseId, nic);
  return { key, kind, name, nic, requested };
}

async function takeWhenFree(
  wanted: readonly WantedClaim[],
  claimKeys: readonly string[],
  { ledger, clusterId, ticket, claimLeaseSeconds, clock }: UseClaimSetDeps,
  deadline: number,
): Promise<ClaimSetOutcome> {
  const options = { leaseSeconds: claimLeaseSeconds, actor: 'rock-mac-webhook' };
  for (;;) {
    const taking = takeUnusedClaims(ledger, wanted, { clusterId, claimKeys, ticket: ticket() }, options);
    const outcome = await within(timeLeft(deadline), taking);
    if (outcome.outcome !== 'busy') return outcome;
    await sleep(BUSY_MS, clock);
    if (clock.date().getTime() >= deadline) return outcome;
  }
}

async function explain(
  outcome: Exclude<ClaimSetOutcome, { readonly outcome: 'taken' }>,
  set: {
    readonly selection: ClaimSelection;
    readonly claimKeys: readonly string[];
    readonly wanted: readonly WantedClaim[];
  },
  deps: UseClaimSetDeps,
  deadline: number,
): Promise<AdmissionRefusal> {
  const { selection, claimKeys, wanted } = set;
  switch (outcome.outcome) {
    case 'not_open':
      return refusalOf(ALLOCATION_OUTCOMES.not_open, { notOpen: outcome.why });
    case 'identity_shared':
      return refusalOf(ALLOCATION_OUTCOMES.identity_shared, {});
    case 'invalid':
      return refusalOf(ADMISSION_OUTCOMES.claim_invalid, { claim: selection.selector, problem: outcome.why });
    case 'busy':
      return unavailable(`Other objects are taking the claims with the labels ${selection.selector} now.\nTry again.`);
    case 'none_unused': {
      const { held, used } = outcome;
      const total = claimKeys.length;
      const holder = await namesOfUsers(claimKeys, used, deps, deadline);
      const claims = { total, used, pending: total - held, wanted: wanted.length };
      const facts = { ...selection, holder, claims };
      return refusalOf(ADMISSION_OUTCOMES[total === 0 ? 'no_claim_selected' : 'no_unused_claim'], facts);
    }
  }
}

/** Returns the users of the claims, which are in the namespace of the claims and so of the requester. */
async function namesOfUsers(
  claimKeys: readonly string[],
  used: number,
  { ledger, knowsCallers }: UseClaimSetDeps,
  deadline: number,
): Promise<string | undefined> {
  if (!knowsCallers || used === 0) return undefined;
  const users = await within(timeLeft(deadline), usersOfClaims(ledger, claimKeys, NAMED_USERS));
  // The name is empty while the API server has not yet generated it.
  const names = users.filter(({ name }) => name !== '').map(({ kind, name }) => `${kind} ${name}`);
  const others = used - names.length;
  return [...names, ...(others > 0 && names.length > 0 ? [`${String(others)} more`] : [])].join(', ') || undefined;
}
