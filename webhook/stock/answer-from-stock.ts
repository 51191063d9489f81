import { signStockToken } from '../../api/stock-token.ts';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { AdmissionKeys } from '../admission-keys/admission-keys.ts';
import type { AddressRequest } from '../plan/plan.ts';
import { poolOf, withNamer } from '../pools/choose-pools.ts';
import type { AdmissionRequest } from '../review/admission-review.ts';
import { type AdmittedObject, holderKeyOf } from '../review/admitted-object.ts';
import { tokenSubjectOf } from '../review/token-subject.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';
import type { Stock, StockRequest } from './stock.ts';

export interface AnswerFromStockDeps {
  /** Absent where the webhook has no stock. */
  readonly stock: Pick<Stock, 'take' | 'repeated'> | undefined;
  readonly keys: Pick<AdmissionKeys, 'current'>;
  readonly clusterId: string;
  readonly now: () => Date;
  /** Counts the pod. */
  readonly answered: (pool: string) => void;
}

/** The object under admission, and what it asks for. */
export interface StockCandidate {
  readonly request: AdmissionRequest;
  readonly object: AdmittedObject;
  readonly requests: readonly AddressRequest[];
  readonly terms: NamespaceTerms;
}

export interface AnswerFromStock {
  readonly macs: readonly MacAddress[];
  /** Proves to the operator who got them. */
  readonly token: string;
}

/** Answers a new pod from memory, or returns `undefined`: then the ledger is to be asked. */
export function answerFromStock(candidate: StockCandidate, deps: AnswerFromStockDeps): AnswerFromStock | undefined {
  if (deps.stock === undefined || !mayUseStock(candidate)) return undefined;
  const [pool, ...others] = new Set(candidate.requests.map((request) => poolOf(request, candidate.terms)));
  // The ledger answers for several pools at once.
  if (pool === undefined || others.length > 0) return undefined;
  const at = deps.now().toISOString();
  const wanted = stockRequestOf({ ...candidate, pool }, at, deps);
  const taken = isRepeated(candidate) ? deps.stock.repeated(wanted) : deps.stock.take(wanted);
  if (taken === undefined) return undefined;
  deps.answered(wanted.pool);
  return { macs: taken.map(({ mac }) => mac), token: sign(candidate, taken, at, deps) };
}

/** A requested address, a claim, the address of a name, or a limit of the namespace, is for the ledger. */
function mayUseStock({ request, object, requests, terms }: StockCandidate): boolean {
  const isNew = request.oldObject === null || request.oldObject === undefined;
  const isPlain = requests.every((each) => [each.requested, each.claim, each.sticky].every(isAbsent));
  return object.kind === 'Pod' && isNew && isPlain && terms.maxAddresses === undefined;
}

function isAbsent(value: unknown): boolean {
  return value === undefined;
}

/**
 * Whether an earlier review of the same request may have answered. A pod without a name brings the lease id of this very request
 * along, and one with a name brings addresses. What this process does not remember, the ledger knows.
 */
function isRepeated({ object: { leaseId, broughtLease }, requests }: StockCandidate): boolean {
  if (leaseId !== undefined) return leaseId === broughtLease;
  return requests.some(({ copied }) => copied !== undefined);
}

function stockRequestOf(
  { object, requests, terms, pool }: StockCandidate & { readonly pool: string },
  at: string,
  { clusterId }: Pick<AnswerFromStockDeps, 'clusterId'>,
): StockRequest {
  const { kind, namespace, name, requester, leaseId } = object;
  return {
    pool,
    namespace,
    interfaces: requests.map((request) => ({
      copied: request.copied,
      isOfThisRequest: leaseId !== undefined,
      answer: {
        boundKey: holderKeyOf(object, { nic: request.nic, pool }, clusterId),
        owner: { clusterId, kind, namespace, name, nic: request.nic },
        requester: requester.username,
        reason: withNamer(`admission at ${at}, from stock`, request, namespace, terms),
      },
    })),
  };
}

function sign(
  { request, object, requests }: StockCandidate,
  taken: readonly AddressRef[],
  at: string,
  { keys, clusterId }: AnswerFromStockDeps,
): string {
  const addresses = Object.fromEntries(taken.map(({ mac }, index) => [requests[index]?.nic ?? '', mac]));
  const subject = tokenSubjectOf({ request, namespace: object.namespace }, clusterId);
  return signStockToken(subject, { requester: object.requester.username, at, addresses }, keys.current());
}
