import type { Allocator } from '../../ledger/address/allocator.ts';
import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { isAllocated } from '../../ledger/outcomes.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { findClaimByAddress, type UsableClaim } from '../claims/find-claim.ts';
import type { AddressRequest } from '../plan/plan.ts';
import type { LedgerResult, RefusedResult } from '../refuse/refuse-allocation.ts';
import { timeLeft, within } from '../server/deadline.ts';
import { holderKeyOf, type AdmittedObject } from '../admit/admitted-object.ts';

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

export interface RequestAddressDeps {
  readonly allocator: Allocator;
  readonly ledger: Queryable;
  readonly clusterId: string;
}

/**
 * Requests the address of one interface from the ledger. A requested address that is not free is still usable if it is the
 * address of a claim in the same namespace, or if the object holds it already.
 */
export async function requestAddress(
  request: AddressRequest,
  { pool, object, deadline }: { readonly pool: string; readonly object: AdmittedObject; readonly deadline: number },
  deps: RequestAddressDeps,
): Promise<AddressResult> {
  const allocation = allocationFor(request, pool, object, deps.clusterId);
  const result = await resultOf(() => deps.allocator.allocate(allocation, { deadlineMs: timeLeft(deadline) }));
  if (isAllocated(result)) {
    const { mac, generation } = result;
    // A replay belongs to an earlier admission of the same object, which may be stored by now. It is never released here.
    if (result.outcome === 'replayed') return { ok: true, mac };
    return { ok: true, mac, allocated: { key: allocation.key, mac, generation } };
  }
  const claim = await findClaimFor(request, result, object, deps, deadline);
  if (claim !== undefined) return { ok: true, mac: claim.mac, claim };
  if (result.outcome === 'in_use' && isSameObject(result.holder.owner, object, deps.clusterId)) {
    return { ok: true, mac: result.mac };
  }
  return { ok: false, request, result };
}

function allocationFor(
  { nic, requested }: AddressRequest,
  pool: string,
  object: AdmittedObject,
  clusterId: string,
): AllocationRequest {
  const { kind, namespace, name, requester } = object;
  return {
    key: holderKeyOf(object, { nic, pool, requested }, clusterId),
    pool,
    requested,
    state: 'pending',
    owner: { clusterId, kind, namespace, name, nic },
    requester: requester.username,
    actor: 'rock-mac-webhook',
    reason: 'admission',
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

/** Two interfaces of one machine may exchange their addresses. */
function isSameObject(owner: Owner | undefined, { uid }: AdmittedObject, clusterId: string): boolean {
  return uid !== undefined && owner?.uid === uid && owner.clusterId === clusterId;
}
