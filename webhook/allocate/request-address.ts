import { findByMac } from '../../ledger/address/find.ts';
import type { Holder } from '../../ledger/address/owner.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { type AllocatedOutcome, isAllocated } from '../../ledger/outcomes.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { findClaimByAddress, type UsableClaim } from '../claims/find-claim.ts';
import { type AddressRequest, type ChosenPool, sameInterface } from '../plan/plan.ts';
import { poolOf } from '../pools/choose-pools.ts';
import type { RefusedResult } from '../refuse/refuse-allocation.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { timeLeft, within } from '../review/deadline.ts';
import { askLedger, type AskLedgerDeps, type RequestContext } from './ask-ledger.ts';
import { isHandedToName } from './earlier-admission.ts';
import { isUsedElsewhere, mayBeUsedElsewhere } from './guest-elsewhere.ts';
import { isInherited, isOfName } from './inherited-address.ts';
import { isOffered } from './offered-address.ts';
import { stickyRequestFor } from './sticky-request.ts';
import { migratedWarning, otherPoolWarning, whyNotSticky } from './sticky-warnings.ts';

/** An address that this admission allocated. A release compares all three fields. */
export interface NewAddress {
  readonly key: string;
  readonly mac: MacAddress;
  readonly generation: number;
}

interface GrantedAddress {
  readonly ok: true;
  readonly mac: MacAddress;
  /** Present if the address has to be released when another interface is refused. */
  readonly allocated?: NewAddress;
  /** Present if the address is that of a claim, which the object has to take over as its consumer. */
  readonly claim?: UsableClaim;
  /** What the author of the object should know about it. */
  readonly warning?: string;
}

interface RefusedAddress {
  readonly ok: false;
  readonly request: AddressRequest;
  readonly result: RefusedResult;
  /** Present if an address was allocated all the same, which has to be released. */
  readonly allocated?: NewAddress | undefined;
}

/** The result of one address request: an address, or the reason why there is none. */
export type AddressResult = GrantedAddress | RefusedAddress;

export interface RequestAddressDeps extends AskLedgerDeps {
  readonly ledger: Queryable;
}

/**
 * Requests the address of one interface from the ledger. Where the name of the object cannot have an address, the object gets one of
 * the usual kind, with a warning.
 */
export async function requestAddress(
  request: AddressRequest,
  context: RequestContext,
  deps: RequestAddressDeps,
): Promise<AddressResult> {
  const { key, result } = await askLedger(request, context, deps);
  if (isAllocated(result)) return await grantUnlessMigrated(request, key, result, context, deps);
  if (request.sticky === undefined) return await findUsable(request, result, context, deps);
  const warning = whyNotSticky(request, result);
  return warning === undefined ? { ok: false, request, result } : await requestUsual(request, warning, context, deps);
}

/** Requests an address that ends with the object. */
async function requestUsual(
  request: AddressRequest,
  warning: string,
  context: RequestContext,
  deps: RequestAddressDeps,
): Promise<AddressResult> {
  const usual = await requestAddress(sameInterface(request), context, deps);
  return usual.ok ? { ...usual, warning } : usual;
}

/** A guest that migrated elsewhere took the address of its name along. The next machine of this name gets another one. */
async function grantUnlessMigrated(
  request: AddressRequest,
  key: string,
  result: AllocatedOutcome,
  context: RequestContext,
  deps: RequestAddressDeps,
): Promise<AddressResult> {
  const grant = granted(key, result, otherPoolWarning(request, result, context.terms));
  try {
    if (request.sticky !== undefined && (await isUsedElsewhere(result.mac, context, deps))) {
      return await requestUsual(request, migratedWarning(request), context, deps);
    }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    return { ok: false, request, result: { outcome: 'ledger_error', error }, allocated: grant.allocated };
  }
  return grant;
}

function granted(key: string, { outcome, mac, generation }: AllocatedOutcome, warning?: string): GrantedAddress {
  return {
    ok: true,
    mac,
    // A replay belongs to an earlier admission of the same object, which may be stored by now. It is never released here.
    ...(outcome === 'allocated' && { allocated: { key, mac, generation } }),
    ...(warning !== undefined && { warning }),
  };
}

/**
 * Returns the result for a refused request. A requested address that is not free is still usable if it is the address of a claim in
 * the same namespace, if the object or its name holds it already, if it is offered
 * to a machine that waits for its guest, or if a machine that is made again inherits it.
 */
async function findUsable(
  request: AddressRequest,
  result: RefusedResult,
  context: RequestContext,
  deps: RequestAddressDeps,
): Promise<AddressResult> {
  const { object, deadline } = context;
  const claim = await findClaimFor(request, result, object, deps, deadline);
  if (claim !== undefined) return { ok: true, mac: claim.mac, claim };
  if (result.outcome === 'out_of_range') {
    const ownPool = await findOwnPool(request, context, deps);
    if (ownPool !== undefined) return await requestAddress({ ...request, pool: ownPool }, context, deps);
  }
  if (result.outcome !== 'in_use') return { ok: false, request, result };
  const { mac, holder } = result;
  if (isSameObject(holder, request.nic, object, deps.clusterId)) return { ok: true, mac };
  const held = stickyRequestFor(holder, request.nic, object, deps.clusterId);
  const refused = { ok: false, request, result } as const;
  if (held !== undefined) return await requestHeld(mac, { ...sameInterface(request), ...held }, refused, context, deps);
  if (await isOffered(mac, context, deps)) return { ok: true, mac, warning: notYetOwn(mac, request.nic) };
  return (await isInherited(mac, context, deps)) ? { ok: true, mac } : refused;
}

function notYetOwn(mac: MacAddress, nic: string): string {
  return `rock-mac: ${mac} on ${nic} still belongs to the machine whose guest this one waits for. This machine gets it when that one is deleted`;
}

/**
 * Returns the pool of an address that a machine which is made again had last on this interface. A restore keeps the addresses and loses
 * the annotation that named their pool.
 */
async function findOwnPool(
  request: AddressRequest,
  { object, terms, deadline }: RequestContext,
  { clusterId, ledger }: Pick<RequestAddressDeps, 'clusterId' | 'ledger'>,
): Promise<ChosenPool | undefined> {
  const { nic, requested } = request;
  if (object.kind !== 'VirtualMachine' || object.uid !== undefined || requested === undefined) return undefined;
  try {
    const row = await within(timeLeft(deadline), findByMac(ledger, requested));
    const isLast = row !== undefined && row.owner?.nic === nic && isOfName(row, { object, terms }, clusterId);
    if (!isLast || row.pool === poolOf(request, terms)) return undefined;
    return { name: row.pool, namedBy: `the machine that had ${requested} last`, isGranted: true };
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
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

/** Asks for the address by its key, so that the ledger decides whether it may be used now. */
async function requestHeld(
  mac: MacAddress,
  request: AddressRequest,
  refused: RefusedAddress,
  context: RequestContext,
  deps: RequestAddressDeps,
): Promise<AddressResult> {
  const { key, result } = await askLedger(request, context, deps);
  if (isAllocated(result)) {
    const grant = granted(key, result);
    const isUsable = result.mac === mac && !(await mayBeUsedElsewhere(mac, context, deps));
    // Its key was released a moment ago, and then got the next address: nobody uses that.
    return isUsable ? grant : { ...refused, allocated: grant.allocated };
  }
  return result.outcome === 'consumer_unreachable' ? { ok: false, request, result } : refused;
}
