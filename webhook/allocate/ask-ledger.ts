import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import type { Allocator } from '../../ledger/address/allocator.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { AddressRequest } from '../plan/plan.ts';
import { poolOf, withNamer } from '../pools/choose-pools.ts';
import type { LedgerResult } from '../refuse/refuse-allocation.ts';
import { type AdmittedObject, holderKeyOf, stickyKeyOf } from '../review/admitted-object.ts';
import { timeLeft } from '../review/deadline.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';

/** The object that requests an address, and what its namespace says. */
export interface RequestContext {
  readonly terms: NamespaceTerms;
  readonly object: AdmittedObject;
  /** In milliseconds since 1970. */
  readonly deadline: number;
}

export interface AskLedgerDeps {
  readonly allocator: Allocator;
  readonly clusterId: string;
  /** Returns the ticket of this cluster. */
  readonly ticket: () => string | undefined;
}

/** The ledger's answer, and the holder key that it was asked with. */
export interface Answer {
  readonly key: string;
  readonly result: LedgerResult;
}

/**
 * Asks the ledger for the address of one interface: for that of the object's name if the request is sticky. Returns a ledger error as
 * a result: one failed request must not hide the others, whose addresses are to be released.
 */
export async function askLedger(
  request: AddressRequest,
  { terms, object, deadline }: RequestContext,
  deps: AskLedgerDeps,
): Promise<Answer> {
  const allocation = allocationFor(request, terms, object, deps);
  try {
    const result = await deps.allocator.allocate(allocation, { deadlineMs: timeLeft(deadline) });
    return { key: allocation.key, result };
  } catch (error) {
    if (error instanceof LedgerError) return { key: allocation.key, result: { outcome: 'ledger_error', error } };
    throw error;
  }
}

function allocationFor(
  request: AddressRequest,
  terms: NamespaceTerms,
  object: AdmittedObject,
  { clusterId, ticket }: AskLedgerDeps,
): AllocationRequest {
  const { nic, requested, sticky } = request;
  const { since: namespaceSince, maxAddresses } = terms;
  const pool = poolOf(request, terms);
  const { kind, namespace, name, requester, waitedSince } = object;
  const admission = waitedSince === undefined ? 'admission' : `admission at ${waitedSince}, while the ledger was away`;
  return {
    key:
      sticky === undefined
        ? holderKeyOf(object, { nic, pool, requested }, clusterId)
        : stickyKeyOf(object, nic, clusterId),
    pool,
    requested,
    // An interface that is plugged in again. Pods do not ask: the ledger would have to find the last address of each.
    prefersLast: kind === 'VirtualMachine' && requested === undefined && sticky === undefined,
    state: 'pending',
    owner: { clusterId, kind, namespace, name, nic },
    namespaceSince,
    maxAddresses,
    unusedLimit: sticky?.unusedLimit,
    ticket: ticket(),
    requester: requester.username,
    actor: 'rock-mac-webhook',
    reason: withNamer(admission, request, namespace, terms),
  };
}
