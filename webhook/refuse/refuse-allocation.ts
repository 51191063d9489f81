import type { AllocationOutcome } from '../../ledger/address/allocate.ts';
import { LEDGER_ERRORS } from '../../ledger/error-codes.ts';
import type { LedgerError } from '../../ledger/errors.ts';
import {
  ADMISSION_OUTCOMES,
  type AdmissionEntry,
  type AllocatedOutcome,
  ALLOCATION_OUTCOMES,
  allocationCode,
  type AllocationRefusal,
  type ConsumerRefusal,
  type OutcomeFacts,
} from '../../ledger/outcomes.ts';
import type { AddressRequest } from '../plan/plan.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import { malformed, refusalOf, unavailable } from '../review/refusal.ts';

/** The ledger's response to a request, or the error that came instead. */
export type LedgerResult = AllocationOutcome | { readonly outcome: 'ledger_error'; readonly error: LedgerError };

export type RefusedResult = Exclude<LedgerResult, AllocatedOutcome>;

/** What the text of a refusal needs beside the outcome. */
export interface AllocationFacts {
  readonly request: AddressRequest;
  readonly namespace: string;
  readonly pool: string;
  /** What named the pool. Absent: the installation did. */
  readonly poolNamedBy?: string | undefined;
  /** Who holds the address, if the requester may know. */
  readonly holder?: string | undefined;
  /** The pool that contains the requested address, or `null` if no pool does. Absent if it is unknown. */
  readonly otherPool?: string | null | undefined;
  /** The node on which the last pod of this name may still run, if the requester may know. */
  readonly node?: string | undefined;
}

/** Returns the refusal of an object for which the ledger allocated no address. */
export function refuseAllocation(result: RefusedResult, context: AllocationFacts): AdmissionRefusal {
  if (result.outcome === 'ledger_error') return refuseByError(result.error);
  const { request, otherPool, ...known } = context;
  const { requested: mac, nic, sticky } = request;
  const facts = { mac, nic, claim: sticky?.claim, otherPool: otherPool ?? undefined, ...known, ...factsOf(result) };
  return refusalOf(entryFor(result, context), facts);
}

function entryFor(result: AllocationRefusal, { otherPool }: AllocationFacts): AdmissionEntry {
  if (result.outcome === 'out_of_range' && otherPool !== undefined) {
    return otherPool === null ? ADMISSION_OUTCOMES.in_no_pool : ADMISSION_OUTCOMES.in_other_pool;
  }
  return ALLOCATION_OUTCOMES[allocationCode(result)];
}

/** The end of a lease or an expiry stays unknown to the requester; the end of a reuse delay does not. */
function factsOf(result: AllocationRefusal): OutcomeFacts {
  switch (result.outcome) {
    case 'in_use': {
      const { state, until } = result.holder;
      return { mac: result.mac, ...(state === 'released' && { freeAt: until?.toISOString() }) };
    }
    case 'exhausted':
      return { freeAt: result.nextReuseAt?.toISOString() };
    case 'not_open':
      return { notOpen: result.why };
    default:
      return {};
  }
}

/**
 * Returns the refusal of an object that cannot use a claim, in most cases because another object uses it: `holder`, which is in
 * the namespace of the claim and so of the requester.
 */
export function refuseClaim(
  refused: ConsumerRefusal,
  { name: claim, isHeld = false }: { readonly name: string; readonly isHeld?: boolean },
  holder?: string,
): AdmissionRefusal {
  if (refused.outcome === 'not_open') return refusalOf(ALLOCATION_OUTCOMES.not_open, { notOpen: refused.why });
  if (refused.outcome === 'identity_shared') return refusalOf(ALLOCATION_OUTCOMES.identity_shared, {});
  const problem = refused.outcome === 'invalid' ? refused.why : undefined;
  const code = refused.outcome === 'in_use' && isHeld ? 'held' : refused.outcome;
  return refusalOf(ADMISSION_OUTCOMES[`claim_${code}`], { claim, problem, holder });
}

/**
 * Returns the refusal for a failed request to the ledger. Its message names hosts and settings, which do not concern the
 * author of a pod, so only the log has it. The exception is a value that the ledger will never take: it is the author's.
 */
export function refuseByError(error: LedgerError): AdmissionRefusal {
  if (LEDGER_ERRORS[error.code].admissionStatus === 422) return malformed(error.message);
  const cause = `The request to the ledger failed (${error.code}), so this object got no address.`;
  const next = 'Try again; if it keeps failing, contact the platform team: the log of the webhook has the cause.';
  return { ...unavailable(`${cause}\n${next}`), cause: error };
}
