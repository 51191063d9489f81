import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import type { Allocator } from '../../ledger/address/allocator.ts';
import type { Holder } from '../../ledger/address/owner.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { isAllocated } from '../../ledger/outcomes.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { findClaimByAddress, type UsableClaim } from '../claims/find-claim.ts';
import type { AddressRequest } from '../plan/plan.ts';
import type { LedgerResult, RefusedResult } from '../refuse/refuse-allocation.ts';
import { type AdmittedObject, holderKeyOf } from '../review/admitted-object.ts';
import { timeLeft, within } from '../review/deadline.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';
import { isHandedToName } from './earlier-admission.ts';
import { isInherited } from './inherited-address.ts';

/** An address that this admission allocated. A release compares all three fields. */
export interface NewAddress {
  readonly key: string;
  readonly mac: MacAddress;
  readonly generation: number;
}

/** The result of one address request: an address, or the reason why there is none. */
export type AddressResult =
  | {
      readonly ok: true;
      readonly mac: MacAddress;
      /** Present if the address has to be released when another interface is refused. */
      readonly allocated?: NewAddress;
      /** Present if the address is that of a claim, which the object has to take over as its consumer. */
      readonly claim?: UsableClaim;
    }
  | { readonly ok: false; readonly request: AddressRequest; readonly result: RefusedResult };

/** The object that requests an address, and what its namespace says. */
export interface RequestContext {
  readonly terms: NamespaceTerms;
  readonly object: AdmittedObject;
  /** In milliseconds since 1970. */
  readonly deadline: number;
}

export interface RequestAddressDeps {
  readonly allocator: Allocator;
  readonly ledger: Queryable;
  readonly clusterId: string;
  /** Returns the ticket of this cluster. */
  readonly ticket: () => string | undefined;
}

/**
 * Requests the address of one interface from the ledger. A requested address that is not free is still usable if it is the
 * address of a claim in the same namespace, if the object holds it already, or if a machine that is made again inherits it.
 */
export async function requestAddress(
  request: AddressRequest,
  { terms, object, deadline }: RequestContext,
  deps: RequestAddressDeps,
): Promise<AddressResult> {
  const allocation = allocationFor(request, terms, object, deps);
  const result = await resultOf(() => deps.allocator.allocate(allocation, { deadlineMs: timeLeft(deadline) }));
  if (isAllocated(result)) {
    const { mac, generation } = result;
    // A replay belongs to an earlier admission of the same object, which may be stored by now. It is never released here.
    if (result.outcome === 'replayed') return { ok: true, mac };
    return { ok: true, mac, allocated: { key: allocation.key, mac, generation } };
  }
  const claim = await findClaimFor(request, result, object, deps, deadline);
  if (claim !== undefined) return { ok: true, mac: claim.mac, claim };
  if (result.outcome === 'in_use') {
    const { mac, holder } = result;
    if (isSameObject(holder, request.nic, object, deps.clusterId)) return { ok: true, mac };
    if (await isInherited(mac, { object, terms, deadline }, deps)) return { ok: true, mac };
  }
  return { ok: false, request, result };
}

function allocationFor(
  { nic, requested }: AddressRequest,
  { pool, since: namespaceSince, maxAddresses }: NamespaceTerms,
  object: AdmittedObject,
  { clusterId, ticket }: Pick<RequestAddressDeps, 'clusterId' | 'ticket'>,
): AllocationRequest {
  const { kind, namespace, name, requester, waitedSince } = object;
  return {
    key: holderKeyOf(object, { nic, pool, requested }, clusterId),
    pool,
    requested,
    state: 'pending',
    owner: { clusterId, kind, namespace, name, nic },
    namespaceSince,
    maxAddresses,
    ticket: ticket(),
    requester: requester.username,
    actor: 'rock-mac-webhook',
    reason: waitedSince === undefined ? 'admission' : `admission at ${waitedSince}, while the ledger was away`,
  };
}

/** Returns a ledger error as a result: one failed request must not hide the others, whose addresses are to be released. */
async function resultOf(allocate: () => Promise<LedgerResult>): Promise<LedgerResult> {
  try {
    return await allocate();
  } catch (error) {
    if (error instanceof LedgerError) return { outcome: 'ledger_error', error };
    throw error;
  }
}

/** Returns the claim of this namespace that holds the requested address. Who writes that address means the claim. */
async function findClaimFor(
  { requested }: AddressRequest,
  { outcome }: RefusedResult,
  { namespace }: AdmittedObject,
  { clusterId, ledger }: RequestAddressDeps,
  deadline: number,
): Promise<UsableClaim | undefined> {
  if (requested === undefined || (outcome !== 'in_use' && outcome !== 'out_of_range')) return undefined;
  try {
    return await within(timeLeft(deadline), findClaimByAddress(requested, { namespace, clusterId, ledger }));
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

/**
 * Two interfaces of a stored object may exchange their addresses. A new object may write the address that an earlier
 * admission gave to its name: the API server repeats an admission after another plugin changed the object.
 */
function isSameObject(holder: Holder, nic: string, object: AdmittedObject, clusterId: string): boolean {
  const { uid } = object;
  if (uid === undefined) return isHandedToName(holder, nic, object, clusterId);
  return holder.owner?.uid === uid && holder.owner.clusterId === clusterId;
}
