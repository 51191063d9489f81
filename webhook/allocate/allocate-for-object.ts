import { LedgerError } from '../../ledger/errors.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { FoundClaim } from '../claims/find-claim.ts';
import { useClaims, type UseClaimsDeps } from '../claims/use-claims.ts';
import type { FindClaim } from '../claims/wait-for-claim.ts';
import type { AddressRequest } from '../plan/plan.ts';
import { namerOfPool, poolOf } from '../pools/choose-pools.ts';
import type { ExplainRefusal } from '../refuse/explain-refusal.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { within } from '../review/deadline.ts';
import { malformed } from '../review/refusal.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';
import { resolveEarlierAddresses } from './earlier-admission.ts';
import { type AddressResult, type NewAddress, requestAddress, type RequestAddressDeps } from './request-address.ts';

export interface AllocationDeps extends RequestAddressDeps, UseClaimsDeps {
  readonly findClaim: FindClaim;
  /** Releases what was allocated for an object that is then refused. */
  readonly releaseAddresses: (addresses: readonly NewAddress[]) => Promise<void>;
  readonly explainRefusal: ExplainRefusal;
}

export type AllocationResult =
  | { readonly ok: true; readonly macs: readonly MacAddress[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly refusal: AdmissionRefusal };

/** How long a refusal waits for the release of the addresses that the object already got. */
const RELEASE_MS = 500;

/**
 * Gets an address for every request, in their order. On refusal the object holds nothing new. A request without a response
 * at `deadline` (milliseconds since 1970) is refused, and that refusal comes at most half a second later.
 *
 * Claims come last. A newly allocated address can be released at once. A claim that was just taken cannot: it may belong
 * to an object that is stored by now, so only the end of its lease frees it.
 */
export async function allocateForObject(
  { requests: planned, terms }: { readonly requests: readonly AddressRequest[]; readonly terms: NamespaceTerms },
  object: AdmittedObject,
  deps: AllocationDeps,
  deadline: number,
): Promise<AllocationResult> {
  const requests = await resolveEarlierAddresses(planned, object, deps, deadline);
  const claims = await Promise.all(requests.map((request) => findRequestedClaim(request, object, deps, deadline)));
  const missing = claims.find((found) => found?.ok === false);
  if (missing?.ok === false) return missing;

  const results = await Promise.all(
    requests.map(async (request, index): Promise<AddressResult> => {
      const found = claims[index];
      if (found?.ok === true) return { ok: true, mac: found.claim.mac, claim: found.claim };
      return await requestAddress(request, { terms, object, deadline }, deps);
    }),
  );
  const allocated = results.flatMap(({ allocated: each }) => each ?? []);
  const refused = results.find((result) => !result.ok);
  if (refused !== undefined) {
    const { namespace } = object;
    const requester = object.waitedSince === undefined ? object.requester : undefined;
    const { request } = refused;
    const pool = poolOf(request, terms);
    const poolNamedBy = namerOfPool(request, namespace, terms);
    const explaining = deps.explainRefusal(refused.result, { request, pool, poolNamedBy, namespace, requester });
    const [refusal] = await Promise.all([explaining, releaseSoon(allocated, deps)]);
    return { ok: false, refusal };
  }

  const uses = requests.flatMap(({ nic }, index) => {
    const result = results[index];
    return result?.ok === true && result.claim !== undefined ? [{ nic, claim: result.claim }] : [];
  });
  const refusal = await useClaims(uses, object, deps, deadline);
  if (refusal !== undefined) {
    await releaseSoon(allocated, deps);
    return { ok: false, refusal };
  }
  return {
    ok: true,
    macs: results.flatMap((result) => (result.ok ? result.mac : [])),
    warnings: results.flatMap((result) => (result.ok ? (result.warning ?? []) : [])),
  };
}

/** Returns the claim that an interface names, or `undefined` if it names none. */
async function findRequestedClaim(
  { nic, claim, requested }: AddressRequest,
  { namespace }: AdmittedObject,
  deps: AllocationDeps,
  deadline: number,
): Promise<FoundClaim | undefined> {
  if (claim === undefined) return undefined;
  const found = await deps.findClaim({ namespace, name: claim }, deadline);
  if (!found.ok || requested === undefined || requested === found.claim.mac) return found;
  const cause = `MAC ${requested} on ${nic} is not the address of claim ${found.claim.name}, which is ${found.claim.mac}.`;
  return { ok: false, refusal: malformed(`${cause}\nLeave one of the two out.`) };
}

/** Releases addresses, but does not let a ledger that hangs delay the refusal: their leases end anyway. */
async function releaseSoon(addresses: readonly NewAddress[], { releaseAddresses }: AllocationDeps): Promise<void> {
  try {
    await within(RELEASE_MS, releaseAddresses(addresses));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
  }
}
